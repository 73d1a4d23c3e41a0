"""Machine options, and the sizes of the kernel's objects."""

from __future__ import annotations

from typing import Any

import pytest

from vmtui.errors import OptionError
from vmtui.mm.kernel import GB, KB, MB, Options, format_size, object_sizes, parse_size
from vmtui.mm.rmap.scheme import scheme_class


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64M", 64 * MB),
        ("2G", 2 * GB),
        ("12K", 12 * KB),
        ("0x1000", 4096),
        ("100", 100),
        ("64MB", 64 * MB),
        (7, 7),
    ],
)
def test_sizes_are_powers_of_two(text: str | int, size: int) -> None:
    """K, M and G are 2^10, 2^20 and 2^30; hexadecimal is read too."""
    assert size == parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "M", "-1", "1.5G", "64 MB", "1e6", "0x", "64M\x1b[31m", "9" * 40, -4096]
)
def test_what_is_no_size_is_refused(text: str | int) -> None:
    """Anything else is refused, and what was typed is quoted in short."""
    with pytest.raises(OptionError, match="is not a size") as info:
        parse_size(text)
    assert "\x1b" not in str(info.value)
    assert len(str(info.value)) < 120


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 64 * MB, 3 * GB, 12 * KB, 5 * MB + 4096])
def test_size_is_written_as_it_is_read(size: int) -> None:
    """The form a size is shown in gives it back exactly."""
    assert size == parse_size(format_size(size))


def test_defaults() -> None:
    """A machine of which nothing is said."""
    options = Options.parse({})

    assert "rmap=anon_vma_rfc" == options.text
    assert ("2.6", "i386-pae", 64 * MB, 16 * MB, "3:1", "intended", "charge") == (
        options.rules,
        options.arch,
        options.ram,
        options.swap,
        options.split,
        options.draft,
        options.lowmem,
    )
    assert (False, True) == (options.highpte, options.smp)


def test_text_says_what_differs() -> None:
    """The machine line of a machine reads back to the same machine."""
    given = {
        "ram": "1G",
        "swap": "0",
        "split": "4:4",
        "highpte": "on",
        "smp": "off",
        "draft": "posted",
        "bulk": 7,
    }
    options = Options.parse(given)

    assert "rmap=anon_vma_rfc ram=1G swap=0 split=4:4 highpte=on smp=off draft=posted bulk=7" == options.text
    assert options == Options.parse(dict(part.split("=") for part in options.text.split()))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"colour": "red"}, "no machine option 'colour'"),
        ({"rmap": "pte_tree"}, "rmap=pte_tree: expected virtual_scan or pte_chain"),
        ({"rules": "6.18"}, "anon_vma_rfc is of 2.6: rules=6.18 and x86_64 need rmap=anon_vma_chain"),
        ({"rmap": "anonmm", "arch": "x86_64"}, "anonmm is of 2.6: rules=6.18 and x86_64 need rmap="),
        ({"rmap": "anon_vma_chain", "rules": "2.6", "arch": "x86_64"}, "rules=2.6 run on i386-pae, and not"),
        ({"rules": "2.2"}, "rules=2.2: expected 2.6 or 6.18"),
        ({"arch": "vax"}, "arch=vax: expected i386-pae"),
        ({"split": "1:1"}, "split=1:1: expected 3:1 or 2:2 or 4:4"),
        ({"draft": "final"}, "draft=final: expected intended or posted"),
        ({"lowmem": "free"}, "lowmem=free: expected charge or count"),
        ({"highpte": "yes"}, "highpte=yes: expected on or off"),
        ({"ram": "64G1"}, "'64G1' is not a size"),
        ({"ram": "65G"}, "ram=65G: PAE addresses 36 bits, 64G at most"),
        ({"ram": "1P"}, "64G at most"),
        ({"ram": "1M"}, "ram=1M: 4M at least"),
        ({"ram": "5000000"}, "must be whole pages of 4096 bytes"),
        ({"swap": "100"}, "must be whole pages"),
        ({"swap": "1T"}, "64G at most"),
        ({"swap": -4096}, "is negative"),
        ({"bulk": "0"}, "bulk=0: at least 1"),
    ],
)
def test_bad_options_are_refused(given: dict[str, Any], says: str) -> None:
    """A name or value that is none is refused, with what could stand there."""
    with pytest.raises(OptionError) as info:
        Options.parse(given)
    assert says in str(info.value)


def test_object_sizes() -> None:
    """Bytes of 2.6.4 on i386 with the RFC: a page 40, a VMA 64 + 12, an anon_vma 8 and its spinlock."""
    rfc = scheme_class("anon_vma_rfc").object_sizes

    assert {
        "thread": 8192,
        "task_struct": 1536,
        "mm_struct": 512,
        "pgd": 32,
        "inode": 512,
        "radix_tree_node": 260,
    } == object_sizes()
    assert {"mem_map": 40, "vm_area_struct": 76, "anon_vma": 12} == rfc(Options())
    assert rfc(Options()) | {"anon_vma": 8} == rfc(Options(smp=False))
    assert rfc(Options()) == rfc(Options(highpte=True))
