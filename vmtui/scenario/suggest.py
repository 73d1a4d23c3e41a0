"""The word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["closest", "distance"]


def distance(left: str, right: str) -> int:
    """How many letters to add, drop, change or swap with a neighbour to make one word of the other."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def closest(word: str, words: Iterable[str]) -> str | None:
    """The nearest of `words`, if it is near enough to be a slip: one letter in three, at least one."""
    if not 1 < len(word) <= 64:
        return None
    allowed = max(1, len(word) // 3)
    best: tuple[int, str] | None = None
    for candidate in words:
        if candidate == word or abs(len(candidate) - len(word)) > allowed:
            continue
        ranked = (distance(word.lower(), candidate.lower()), candidate)
        if ranked[0] <= allowed and (best is None or ranked < best):
            best = ranked
    return best[1] if best else None
