"""What the pointer in struct page leads to, where more than one scheme has it."""

from __future__ import annotations

from vmtui.mm.filemap import page_mapping
from vmtui.mm.page import Page
from vmtui.mm.step import Ref

Target = tuple[Ref | None, str]
NULL: Target = (None, "NULL")


def mapping_target(page: Page) -> Target:
    """The address_space of a page in the page cache."""
    mapping = page_mapping(page)
    return (("address_space", mapping.id), f"i_mmap of {mapping.name}") if mapping is not None else NULL


def anon_vma_target(page: Page) -> Target:
    """The anon_vma of a page that points at one."""
    return ("anon_vma", page.mapping), f"anon_vma {page.mapping}"
