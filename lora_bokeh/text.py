"""Text for people and programs: names from files made harmless, lists shortened, sizes readable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SHOWN = 20  # names a sentence lists
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet runs if a cell starts with it


def printable(text: str) -> str:
    """Escape what a terminal would obey, such as ESC and marks of direction: names are strangers'.

    Each character that Unicode calls printable stays as it is.
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def csv_cell(value: Any) -> Any:
    """Return a cell of a CSV file: text that no terminal obeys and no spreadsheet computes.

    An apostrophe goes before a text that would be a formula; numbers stay as they are.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if value.startswith(FORMULA) else text


def bytes_text(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size} bytes"


def listing(names: Sequence[str], shown: int = SHOWN) -> str:
    """Return the first names and how many more there are."""
    more = f" … and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def count(number: int, noun: str) -> str:
    """Return "1 noun" or "n nouns"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
