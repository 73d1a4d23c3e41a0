"""Figures of the period that this machine does not give, and why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_CLOCK = "a time; the machine has no clock, it counts work"

LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "CPU seconds of rmap-test (Andrew Morton, 5 Apr 2003; Rajesh Venkatasubramanian, Mar 2004)": _CLOCK,
        "kernbench, SDET, profile ticks (Martin Bligh, Hugh Dickins)": _CLOCK,
        "lmbench, dbench, tbench and syscalls under 4:4 (Ingo Molnar, Jul 2003)": _CLOCK,
        "3 % of CPU at the merge of rmap, 3 to 4 × on exiting shells (Andrew Morton, 2002)": _CLOCK,
        "test-mmap3 locking up a machine for 30 minutes (Ingo Molnar)": _CLOCK,
        "pte_chain 182.4 MB, PageTables 153.7 MB (IBM, 2.5.43-mm2)": "the workload is not published",
        "90 % of anonymous mappings are singletons (Martin Bligh)": "a survey of running systems",
        "the same shape in random order (rmap-test 2)": "a walk is the same, only the disk's order differs",
        "LowTotal 3,137,464 kB under 4:4 with 64 GB": "RHEL 3's struct page of 56 to 60 bytes is not built",
        "struct page of 36 bytes (2.6.6), of 56 and 60 (RHEL 3)": "kernels between the schemes built here",
        "struct page of 48, 44 and 36 bytes in the mails of March 2004": "claims that Hugh Dickins corrected",
        "mem_map of 200 GB under 4:4 (Ingo Molnar)": "PAE addresses 64 GB; so does the machine",
        "4:4 needed from 8, 16 or 32 GB on (Andrea Arcangeli, Ingo Molnar)": "advice; no figure to compare",
        "270 and 1,890 MB of page tables without PAE": "the machine has PAE always",
        "1,408 MB of low memory at 2.5:1.5": "a split that was proposed and is not built",
        "pte_chain of 8 bytes (2.5.27), VMA of 88 with CONFIG_NUMA, buffer_head": "not built",
        "64 GB cannot boot with 3:1 (Ingo Molnar)": "true of a struct page of 56 bytes, of none built here",
        "limit of 100 to 150 tasks with rmap and 3:1 (Andrea Arcangeli)": "a guess; the rows say 63 to 121",
        "8 bytes a PTE as the price of rmap (Andrea Arcangeli)": "a rule of thumb; the rows are exact",
        "0.2 % of memory for companion pages (Ingo Molnar)": "a proposal that was never written",
        "page clustering fills 3/8 of the slots (William Irwin)": "an estimate, of no published mix",
        "task_struct, mm_struct, inode": "their sizes here are estimates, and so no row",
        "7500 tasks with one window of 512 MB (Andrea Arcangeli)": "a run that worked; no figure to compare",
    }
)
