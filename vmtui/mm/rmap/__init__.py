"""Reverse-mapping schemes: the names, in the order of their kernels; a module of that name each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Scheme names; `vmtui.mm.rmap.scheme.load` imports the module when a machine is built.
SCHEMES: tuple[str, ...] = (
    "virtual_scan",
    "pte_chain",
    "objrmap",
    "anon_vma_rfc",
    "anonmm",
    "anon_vma",
    "anon_vma_chain",
)

#: The rules that a scheme's own kernel has, where they are not 2.6's.
NATIVE_RULES: Mapping[str, str] = MappingProxyType({"anon_vma_chain": "6.18"})
