"""A file's arrays laid out on disk, so that whoever reads them later neither parses nor unpacks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from lora_bokeh.formats.limits import check_size, limits
from lora_bokeh.formats.npy import npy_tensors
from lora_bokeh.formats.tensors import Container, Stored

IN_PLACE = ("npy", "safetensors")  # kinds whose entries are views of the file itself


def unpacked(container: Container, folder: Path) -> Container:
    """Return the container with each array as a file of its own in ``folder``, if it was none.

    Raises
    ------
    SourceError
        An array cannot be read, or all together take more than a file may unpack to.
    """
    if container.kind in IN_PLACE:
        return container
    total = sum(stored.info.nbytes for stored in container.stored if _filled(stored))
    check_size(container.path, "all of it unpacked", total, limits().unpacked_bytes)
    laid = [
        _laid_out(stored, folder / f"{number}.npy") if _filled(stored) else stored
        for number, stored in enumerate(container.stored)
    ]
    return container._replace(stored=tuple(laid))


def _filled(stored: Stored) -> bool:
    """Tell whether there is anything to read, and it is a matrix that a page shows."""
    return len(stored.info.shape) == 2 and 0 not in stored.info.shape


def _laid_out(stored: Stored, path: Path) -> Stored:
    with path.open("wb") as file:
        np.save(file, stored.read(), allow_pickle=False)
    return Stored(stored.info, partial(read_back, path))


def read_back(path: Path) -> np.ndarray:
    """Return an array that was laid out, as a view of its file."""
    return npy_tensors(path)[0].read()
