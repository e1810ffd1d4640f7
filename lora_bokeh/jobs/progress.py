"""How work on many matrices tells how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[str, int, int], None]  # the matrix that comes next, how many are done, of all


def silence(_name: str, _done: int, _total: int) -> None:
    """Report to nobody."""


def counted(items: Sequence[T], name: Callable[[T], str], progress: Progress) -> Iterator[T]:
    """Yield each item, its name having been reported; when all are done, report no name."""
    for done, item in enumerate(items):
        progress(name(item), done, len(items))
        yield item
    progress("", len(items), len(items))
