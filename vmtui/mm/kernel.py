"""Which kernel: machine options, and the sizes of its objects by version and architecture.

Sizes of 2.6 are those of i386 without CONFIG_NUMA.  Sources: the field lists of 2.6.0 to 2.6.7, the mails of
March 2004 on linux-kernel.  Those of 6.18 are a running x86-64 kernel's, by its BTF and slabinfo.  Rules a
machine can have: ``2.6`` on ``i386-pae``, ``6.18`` on ``x86_64``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from vmtui.errors import OptionError
from vmtui.mm.rmap import NATIVE_RULES, SCHEMES

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30

#: PAE carries 36 address bits.
MAX_RAM = 64 * GB

#: Low memory by split, in bytes, before mem_map (MAXMEM, asm-i386/page.h of 2.6.0: the kernel's
#: share of the 4 GB less 128 MB for vmalloc; 4:4 also gives up 32 MB).
LOWMEM: Mapping[str, int] = MappingProxyType({"3:1": 896 * MB, "2:2": 1920 * MB, "4:4": 3936 * MB})

#: Where user addresses end, by split (TASK_SIZE; 4:4 keeps the top 16 MB for its trampoline).
TASK_SIZE: Mapping[str, int] = MappingProxyType({"3:1": 3 * GB, "2:2": 2 * GB, "4:4": 4 * GB - 16 * MB})

#: The architecture that each kernel's rules run on here.
ARCH: Mapping[str, str] = MappingProxyType({"2.6": "i386-pae", "6.18": "x86_64"})

#: Hardware pages a cluster can have: the patches of 2001 to 2003 went up to 64 KB.
CLUSTERS: tuple[str, ...] = ("1", "2", "4", "8", "16")

#: Machines known by name, as what their ``machine`` line would say.  ``article``: the one that the article
#: "Virtual Memory II: the return of objrmap" worries about.
PRESETS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"article": MappingProxyType({"ram": "32G", "highpte": "on"})}
)

_SUFFIX = {"": 1, "K": KB, "M": MB, "G": GB, "T": 1 << 40, "P": 1 << 50}


def parse_size(text: str | int) -> int:
    """Bytes from ``64M``, ``0x1000`` or a number; suffixes are powers of two.

    Raises:
        OptionError: `text` is no size.
    """
    if isinstance(text, int):
        if text < 0:
            raise OptionError(f"{text} is not a size: it is negative")
        return text
    match = re.fullmatch(r"(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,18})([KMGTP]?)B?", text.strip())
    if match is None:
        raise OptionError(f"{text[:40]!r} is not a size: write 64M, 2G or a number of bytes")
    return int(match[1], 0 if match[1].lower().startswith("0x") else 10) * _SUFFIX[match[2]]


def format_size(nbytes: int) -> str:
    """The shortest exact form: ``64M``, ``12K``, ``100``."""
    for suffix in "GMK":
        unit = _SUFFIX[suffix]
        if nbytes and nbytes % unit == 0:
            return f"{nbytes // unit}{suffix}"
    return str(nbytes)


@attrs.frozen(kw_only=True)
class Options:
    """The options of a machine, as the ``machine`` line gives them.

    Attributes:
        rmap: The reverse-mapping scheme.
        rules: Kernel rules, ``2.6`` or ``6.18``; those of the scheme's kernel if none are asked for.
        arch: ``i386-pae`` or ``x86_64``: that of the rules.
        ram: Bytes of memory; a multiple of 4096.
        swap: Bytes of swap.
        split: User to kernel share of the address space: ``3:1``, ``2:2`` or ``4:4``.
        highpte: PTE pages may live in high memory (CONFIG_HIGHPTE).
        smp: Spinlocks take room (CONFIG_SMP): an anon_vma is 12 bytes, without 8.
        draft: ``intended`` closes the holes of the RFC; ``posted`` keeps them.
        lowmem: ``charge``: an allocation that does not fit in low memory fails; ``count``: it does not.
        cacheline: Bytes of an L1 cache line, which is the size of a pte_chain: 32, 64 or 128.
        slab: Objects take whole pages, as a slab does, and not just their bytes.
        bulk: Pages from which a range is filled or copied at once instead of page by page.
        cluster: Hardware pages that one struct page stands for (page clustering); 1: no clustering.
        chain: What a pte_chain has an entry for: each ``pte``, or each ``cluster`` of them in a page table.
    """

    rmap: str = "anon_vma_rfc"
    rules: str = "2.6"
    arch: str = "i386-pae"
    ram: int = 64 * MB
    swap: int = 16 * MB
    split: str = "3:1"
    highpte: bool = False
    smp: bool = True
    cacheline: int = 128
    slab: bool = False
    draft: str = "intended"
    lowmem: str = "charge"
    bulk: int = 256
    cluster: int = 1
    chain: str = "pte"

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Options:
        """Options from names and values as typed.

        Raises:
            OptionError: an unknown name, or a value that option cannot have.
        """
        values: dict[str, Any] = {}
        for name, value in given.items():
            reader = _READERS.get(name)
            if reader is None:
                raise OptionError(f"no machine option {name[:40]!r}; there are {', '.join(_READERS)}")
            values[name] = reader(name, value)
        rmap = values.get("rmap", "anon_vma_rfc")
        native = NATIVE_RULES.get(rmap, "2.6")
        # An architecture asked for says which rules, where nobody else does.
        asked = next((rules for rules, arch in ARCH.items() if arch == values.get("arch")), native)
        rules = values.setdefault("rules", asked)
        arch = values.setdefault("arch", ARCH[rules])
        if rules != "2.6" and rules != native:
            raise OptionError(f"{rmap} is of 2.6: rules={rules} and {ARCH[rules]} need rmap=anon_vma_chain")
        if arch != ARCH[rules]:
            raise OptionError(f"rules={rules} run on {ARCH[rules]}, and not on {arch}")
        if rules == "6.18" and int(values.get("cluster", 1)) > 1:
            raise OptionError("cluster: page clustering was a patch for 2.5; rules=6.18 have none")
        options = cls(**values)
        if options.ram > MAX_RAM:
            raise OptionError(f"ram={format_size(options.ram)}: PAE addresses 36 bits, 64G at most")
        if options.ram < 4 * MB:
            raise OptionError(f"ram={format_size(options.ram)}: 4M at least")
        if options.swap > MAX_RAM:
            raise OptionError(f"swap={format_size(options.swap)}: 64G at most")
        if options.ram % (options.cluster * 4096):
            raise OptionError(
                f"ram={format_size(options.ram)}: must be whole clusters of {options.cluster} pages"
            )
        return options

    def under(self, rmap: str) -> Options:
        """The same machine under another scheme: with these rules if it can have them, else with 2.6's."""
        rules = self.rules if self.rules == NATIVE_RULES.get(rmap) else "2.6"
        return attrs.evolve(self, rmap=rmap, rules=rules, arch=ARCH[rules])

    @property
    def text(self) -> str:
        """What differs from the defaults, as a ``machine`` line has it; the scheme is always named."""
        native = NATIVE_RULES.get(self.rmap, "2.6")
        default = Options(rules=native, arch=ARCH[native])
        parts = [f"rmap={self.rmap}"]
        for field in attrs.fields(Options):
            value = getattr(self, field.name)
            implied = field.name == "arch" or value == getattr(default, field.name)
            if field.name != "rmap" and not implied:
                parts.append(f"{field.name}={self.format(field.name)}")
        return " ".join(parts)

    def format(self, name: str) -> str:
        """One value as it is typed."""
        value = getattr(self, name)
        if name in ("ram", "swap"):
            return format_size(value)
        if isinstance(value, bool):
            return "on" if value else "off"
        return str(value)


def _one_of(*allowed: str) -> Any:
    def read(name: str, value: Any) -> str:
        if str(value) not in allowed:
            raise OptionError(f"{name}={str(value)[:40]}: expected {' or '.join(allowed)}")
        return str(value)

    return read


def _switch(name: str, value: Any) -> bool:
    if value in (True, "on"):
        return True
    if value in (False, "off"):
        return False
    raise OptionError(f"{name}={str(value)[:40]}: expected on or off")


def _pages(name: str, value: Any) -> int:
    nbytes = parse_size(value)
    if nbytes % 4096:
        raise OptionError(f"{name}={str(value)[:40]}: must be whole pages of 4096 bytes")
    return nbytes


def _count(name: str, value: Any) -> int:
    number = parse_size(value)
    if number < 1:
        raise OptionError(f"{name}={str(value)[:40]}: at least 1")
    return number


def _cluster(name: str, value: Any) -> int:
    if str(value) not in CLUSTERS:
        raise OptionError(f"{name}={str(value)[:40]}: expected {', '.join(CLUSTERS[:-1])} or {CLUSTERS[-1]}")
    return int(value)


def _cacheline(name: str, value: Any) -> int:
    if str(value) not in ("32", "64", "128"):
        raise OptionError(f"{name}={str(value)[:40]}: expected 32, 64 or 128")
    return int(value)


_READERS: Mapping[str, Any] = MappingProxyType(
    {
        "rmap": _one_of(*SCHEMES),
        "rules": _one_of(*ARCH),
        "arch": _one_of(*ARCH.values()),
        "ram": _pages,
        "swap": _pages,
        "split": _one_of(*LOWMEM),
        "highpte": _switch,
        "smp": _switch,
        "cacheline": _cacheline,
        "slab": _switch,
        "draft": _one_of("intended", "posted"),
        "lowmem": _one_of("charge", "count"),
        "bulk": _count,
        "cluster": _cluster,
        "chain": _one_of("pte", "cluster"),
    }
)


def object_sizes(rules: str = "2.6") -> dict[str, int]:
    """Bytes of one object of each kind that every scheme's kernel has; a scheme adds its own.

    On x86_64 the pgd is a page, and counts as a page table.
    """
    if rules == "6.18":
        return {
            "thread": 16384,
            "task_struct": 5888,
            "mm_struct": 1600,
            "inode": 624,
            "radix_tree_node": 584,
        }
    return {
        "thread": 8192,
        "task_struct": 1536,
        "mm_struct": 512,
        "pgd": 32,
        "inode": 512,
        "radix_tree_node": 260,
    }


def slab_pages(count: int, size: int) -> int:
    """Pages a slab of `count` objects takes; below 512 bytes 24 of each page and 2 an object are its own."""
    per_page = 4072 // (size + 2) if size < 512 else max(4096 // size, 1)
    return -(-count // per_page) * max(1, size // 4096)
