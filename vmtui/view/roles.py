"""The roles that text on the screen can have. A theme gives each its colours; nothing else names a colour."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Roles of text, and what is written in them.
TEXT_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "text": "what is simply there",
        "dim": "addresses, units, what is not needed now",
        "title": "names of panes, headings",
        "accent": "the subject, the step that was just made",
        "subject": "a row that is the subject",
        "current": "the line the kernel stands at, on a band of its own",
        "brand": "the program's name in the header",
        "page": "a frame, struct page",
        "vma": "a vm_area_struct",
        "mm": "a process and its mm_struct",
        "anon_vma": "an anon_vma or another object that holds a list",
        "pte": "a page-table entry",
        "swap": "a swap slot, the swap cache",
        "zero": "the zero page",
        "file": "a page of a file",
        "kernel": "what the kernel keeps for itself",
        "table": "a frame that holds a page table",
        "hit": "a candidate that maps the page",
        "miss": "a candidate that was looked at and does not",
        "ruled": "a candidate that arithmetic ruled out",
        "active": "the candidate being examined",
        "old": "the value before the last step",
        "new": "the value after it",
        "error": "a refused command",
        "warn": "a failed expect, something to know",
        "good": "an expect that holds",
        "card": "what a scenario says",
        "key": "a key to press",
        "keyword": "source: a keyword",
        "string": "source: a string",
        "number": "source: a number",
        "comment": "source: a comment or docstring",
        "function": "source: the name of a function",
        "lineno": "source: the number of a line",
        "mark": "the timeline: a command",
        "upcoming": "the timeline: what has not run yet",
        "branch": "the timeline: another branch",
    }
)

#: Roles of lines and areas, which carry no words.
LINE_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "line": "the frame of a box not reached yet",
        "free": "a free frame, a free slot",
        "bar": "the full part of a bar",
        "bar_low": "the full part of a bar that is nearly full",
        "bar_rest": "the empty part of a bar",
        "track": "the timeline up to now",
        "track_rest": "the timeline after now",
        "density": "steps per cell of the timeline",
    }
)

ROLES: Final[Mapping[str, str]] = MappingProxyType({**TEXT_ROLES, **LINE_ROLES})
