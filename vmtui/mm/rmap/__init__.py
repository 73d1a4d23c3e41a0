"""Reverse-mapping schemes: the names, in the order of their kernels; a module of that name each."""

#: Scheme names; `vmtui.mm.rmap.scheme.load` imports the module when a machine is built.
SCHEMES: tuple[str, ...] = ("virtual_scan", "pte_chain", "objrmap", "anon_vma_rfc", "anonmm", "anon_vma")
