"""What every format module speaks of: a tensor in a file, how to read it, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np


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
        super().__init__(f"{path}: {reason}")


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
    """A tensor and the way to its entries: ``read()``, for tensors of at least one entry."""

    info: TensorInfo
    read: Callable[[], np.ndarray]
