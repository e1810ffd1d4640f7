"""Limits of what a file may make of itself: checked before anything is unpacked or parsed.

A stranger's file of a megabyte may unpack to gigabytes or list a million tensors. The limits hold
for whoever opens a file; :func:`limited` replaces or lifts them for a block of code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from lora_bokeh.formats.tensors import SourceError
from lora_bokeh.text import bytes_text

LIFT = "--no-limits on the command line lifts this"


class Limits(NamedTuple):
    """The most that a file may hold.

    Attributes
    ----------
    unpacked_bytes : float
        Bytes of one compressed array, unpacked.
    ratio : float
        Bytes unpacked for each byte packed, of arrays past ``small_bytes``; weights reach 2, a
        matrix of zeros 1000.
    small_bytes : float
        What may unpack at any ratio.
    members : float
        Arrays in a ``.npz`` file.
    tensors : float
        Tensors in a ``.safetensors`` file.
    header_bytes : float
        Bytes of a ``.safetensors`` header, or of a JSON file: they are parsed whole.
    text_bytes : float
        Bytes of a ``.csv`` file, of which a second parses about 40 MB.
    line_characters : float
        Characters of a line of it, which is held in memory whole.
    name_characters : float
        Characters of a tensor's name.
    """

    unpacked_bytes: float = 1 << 30
    ratio: float = 100
    small_bytes: float = 64 << 20
    members: float = 10_000
    tensors: float = 50_000
    header_bytes: float = 32 << 20
    text_bytes: float = 32 << 20
    line_characters: float = 4 << 20
    name_characters: float = 1000


UNLIMITED = Limits(*[math.inf] * len(Limits._fields))

USUAL = Limits()
_in_force: ContextVar[Limits] = ContextVar("lora_bokeh_limits", default=USUAL)


def limits() -> Limits:
    """Return the limits in force."""
    return _in_force.get()


@contextmanager
def limited(to: Limits) -> Iterator[None]:
    """Have other limits in force within a block, in this thread."""
    token = _in_force.set(to)
    try:
        yield
    finally:
        _in_force.reset(token)


def check_size(path: Path, what: str, size: int, limit: float, advice: str = LIFT) -> None:
    """Refuse a number of bytes past a limit, in one sentence."""
    if size > limit:
        raise SourceError(
            path, f"{what} takes {bytes_text(size)}, more than {bytes_text(int(limit))}; {advice}"
        )


def check_count(path: Path, number: int, noun: str, limit: float) -> None:
    """Refuse a number of things past a limit, in one sentence."""
    if number > limit:
        raise SourceError(path, f"it holds {number:,} {noun}, more than {int(limit):,}; {LIFT}")


def check_name(path: Path, name: str) -> None:
    """Refuse a name that no person gave."""
    if len(name) > limits().name_characters:
        raise SourceError(path, f"the name {name[:40]!r}… has {len(name):,} characters; {LIFT}")
