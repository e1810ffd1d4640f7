"""What every format module speaks of: tensors in a file, how to read them, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lora_bokeh.text import printable

MOST_CHARACTERS = 2000  # of a sentence that names tensors


class SourceError(ValueError):
    """A file that cannot be read as a matrix: which one and why, in one sentence.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        What is wrong with it and what to do, continuing "PATH: ".
    """

    def __init__(self, path: Path, reason: str) -> None:
        text = printable(f"{path}: {reason}")
        super().__init__(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …")
        self.reason = reason


class TensorInfo(NamedTuple):
    """One tensor of a file, known without reading its entries.

    Attributes
    ----------
    name : str or None
        Its name in the file; None where the format has no names (``.npy``, ``.csv``).
    shape : tuple of int
        Any number of dimensions.
    dtype : str
        As the file states it: "float32", "bfloat16", "object" …
    nbytes : int
        Bytes of its entries, uncompressed.
    """

    name: str | None
    shape: tuple[int, ...]
    dtype: str
    nbytes: int


class Stored(NamedTuple):
    """A tensor and the way to its entries.

    Attributes
    ----------
    info : TensorInfo
        What is known of it.
    read : callable
        Gives its entries, where there is at least one.
    quantised : str
        How it was quantised, if its entries are computed from codes; else empty.
    """

    info: TensorInfo
    read: Callable[[], np.ndarray]
    quantised: str = ""


class Container(NamedTuple):
    """All tensors of one file, or of one set of shards, before anything is known of their meaning.

    Attributes
    ----------
    path : Path
        The file; of shards, the index that lists them.
    kind : str
        "npy", "npz", "csv" or "safetensors".
    stored : tuple of Stored
        The tensors.
    metadata : dict of str to str
        The file's own remarks, where the format has any.
    """

    path: Path
    kind: str
    stored: tuple[Stored, ...]
    metadata: dict[str, str]

    @property
    def named(self) -> dict[str, Stored]:
        """The tensors by their names; empty for the formats without names."""
        return {s.info.name: s for s in self.stored if s.info.name is not None}
