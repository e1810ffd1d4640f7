"""Arrays that wait on disk for their turn, so that none has to wait in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

ALIGNMENT = 64  # bytes, of a cache line


class Spool:
    """A nameless file of arrays: whatever ends the program, it is gone with it.

    Parameters
    ----------
    folder : Path
        On the disk that has room for them; the nearest folder that exists is taken.
    """

    def __init__(self, folder: Path) -> None:
        folder = folder.absolute()
        while not folder.is_dir():
            folder = folder.parent
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, array: np.ndarray) -> Callable[[], np.ndarray]:
        """Store an array; return what gives it back, as a view of the file."""
        array = np.ascontiguousarray(array)
        end = self._file.seek(0, os.SEEK_END)
        offset = self._file.seek(end + -end % ALIGNMENT)
        self._file.write(array.data)
        self._file.flush()
        shape, dtype = array.shape, array.dtype
        return lambda: np.memmap(self._file, dtype, "r", offset, shape)
