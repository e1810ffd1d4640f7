"""Names in sentences: shortened lists, so that a message stays one line."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 20  # names a sentence lists


def listing(names: Sequence[str], shown: int = SHOWN) -> str:
    """Return the first names and how many more there are."""
    more = f" … and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def count(number: int, noun: str) -> str:
    """Return "1 noun" or "n nouns"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
