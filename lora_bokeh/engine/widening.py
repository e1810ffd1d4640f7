"""Row panels of a matrix in the precision to work in, where they are read again and again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lora_bokeh.engine import kernels
from lora_bokeh.engine.matrix import panels
from lora_bokeh.engine.parallel import in_parts

LOOK_UP = 16  # multiplications take as long as one


def widened(
    a: np.ndarray, dtype: type[np.floating], size: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Do what :func:`lora_bokeh.engine.matrix.panels` does, on every core where NumPy is slow.

    NumPy widens float16, and floats of one byte, entry by entry. There are so few of them that
    each is widened once and then looked up: on two cores measured 5 times as fast for float16, and
    29 times for float8. Other dtypes it widens at the speed of the memory.
    """
    half = a.dtype == np.float16
    quarter = a.dtype.itemsize == 1 and a.dtype.kind not in "biu"
    if (half or quarter) and a.flags.c_contiguous:
        return _looked_up(a, dtype, size)
    return panels(a, dtype, size)


def _looked_up(
    a: np.ndarray, dtype: type[np.floating], size: int
) -> Iterator[tuple[slice, np.ndarray]]:
    bits = a.view(f"u{a.itemsize}")
    every = np.arange(256**a.itemsize, dtype=bits.dtype).view(a.dtype)
    with np.errstate(invalid="ignore"):  # some stand for no number
        table = every.astype(dtype)
    step = max(1, size // (a.shape[1] * table.itemsize))
    room = np.empty((min(step, len(a)), a.shape[1]), dtype)
    for start in range(0, len(a), step):
        block = bits[start : start + step]
        _fill(room, table, block)
        yield slice(start, start + step), room[: len(block)]


def _fill(room: np.ndarray, table: np.ndarray, bits: np.ndarray) -> None:
    def work(_: int, rows: slice) -> None:
        kernels.look_up(table, bits[rows], room[rows])

    in_parts(work, len(bits), 1, LOOK_UP * bits.size)
