"""The checked door for matrices: every array a user hands over comes in through here once.

Nothing is copied: the array keeps its dtype, its order and its memory map. What has to be read
in another precision is read in row panels.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from lora_bokeh.engine.arrays import as_array
from lora_bokeh.engine.parallel import PARTS, WORTH, Crew, in_parts

PANEL_BYTES = 2 << 20  # of one panel after the upcast: a few panels fit in the last-level cache
REAL_KINDS = "biuf"


def check_matrix(a: Any) -> np.ndarray:
    """Return ``a`` as a 2-D array of finite real numbers, or say in one sentence why it is none.

    Parameters
    ----------
    a : array_like of shape (m, n)
        Nested sequences, an array or a torch tensor: bool (counted as 0 and 1), integer,
        float16/32/64 or an ``ml_dtypes`` float. Any order, strided views and memory maps included.

    Returns
    -------
    ndarray of shape (m, n)
        The same data in the same dtype; a view wherever NumPy can give one.

    Raises
    ------
    TypeError
        The entries are not real numbers of at most 64 bits, or some are masked, or it is sparse.
    ValueError
        Rows of different length, not 2-D, empty, or an entry is nan or infinite. Rows and
        columns are counted from 0.
    """
    w, _ = check_matrix_and_norm(a)
    return w


def check_matrix_and_norm(a: Any) -> tuple[np.ndarray, float]:
    """Return ``(check_matrix(a), ‖a‖_F)``: one pass serves both, a finite sum has finite terms."""
    w = _as_matrix(a)
    norm = frobenius_norm(w)
    if not np.isfinite(norm):
        _refuse_non_finite(w)
        raise ValueError("the Frobenius norm of the matrix overflows float64; scale it down first")
    return w, norm


def check_rank(rank: Any, largest: int, name: str = "rank", smallest: int = 1) -> int:
    """Return ``rank`` as an int in [smallest, largest], else raise TypeError or ValueError."""
    if isinstance(rank, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got the boolean {rank}")
    try:
        number = operator.index(rank)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {rank!r}") from None
    if not smallest <= number <= largest:
        raise ValueError(f"{name} must be between {smallest} and {largest}, got {number}")
    return number


def compute_dtype(dtype: np.dtype) -> type[np.floating]:
    """Return the precision to work in: float64 for float64 and 32/64-bit integers, else float32.

    Integers of up to 16 bits and every half or quarter precision float are exact in float32.
    """
    wide = dtype.kind in "iu" and dtype.itemsize > 2
    return np.float64 if wide or (dtype.kind == "f" and dtype.itemsize == 8) else np.float32


def panels(
    a: np.ndarray, dtype: type[np.floating], size: int = PANEL_BYTES
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield ``(rows, a[rows] as dtype)`` for consecutive row panels of at most ``size`` bytes.

    A view where the dtype is that already; else a panel lasts until the next one, which takes its
    memory.
    """
    step = max(1, size // (a.shape[1] * np.dtype(dtype).itemsize))
    room = None if a.dtype == dtype else np.empty((min(step, len(a)), a.shape[1]), dtype)
    for start in range(0, a.shape[0], step):
        panel = a[start : start + step]
        if room is not None:
            np.copyto(room[: len(panel)], panel, casting="unsafe")
            panel = room[: len(panel)]
        yield slice(start, start + step), panel


def frobenius_norm(a: np.ndarray) -> float:
    """Return ‖a‖_F, squares summed in float64 and kept from over- and underflow; nan or inf if so.

    Parameters
    ----------
    a : ndarray of shape (m, n)
        Real numbers in any dtype and order.
    """
    a = a.T if a.strides[0] < a.strides[1] else a  # panels along the memory, not across it
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squared = _sum_of_squares(a)
        if 1e-200 < squared < 1e300 or np.isnan(squared):
            return float(np.sqrt(squared))
        return _scaled_norm(a)


def _sum_of_squares(a: np.ndarray, exponent: int = 0) -> float:
    """Return Σ (a_ij·2^-exponent)², on every core if the matrix is large."""
    sums, crew = np.zeros(PARTS), Crew()

    def work(part: int, rows: slice) -> None:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for _, panel in panels(a[rows], np.float64):
                if crew.left:
                    return
                x = np.ldexp(panel, -exponent) if exponent else panel
                # Row by row: for all of it BLAS takes more threads, which then wait busily.
                sums[part] += np.vecdot(x, x).sum()

    def parts() -> int:
        return in_parts(work, len(a), 1, a.size)

    crew.run(parts) if a.size > WORTH else parts()
    return float(sums.sum())


def _scaled_norm(a: np.ndarray) -> float:
    """Return ‖a‖_F through a·2^-e, whose largest entry is near 1: scaling by 2^e is exact."""
    largest = max(float(np.abs(p).max()) for _, p in panels(a, np.float64))
    if largest == 0 or not np.isfinite(largest):
        return largest
    e = int(np.frexp(largest)[1])
    return float(np.ldexp(np.sqrt(_sum_of_squares(a, e)), e))


def _as_matrix(a: Any) -> np.ndarray:
    """Return ``a`` as a non-empty 2-D array of a real dtype."""
    if isinstance(a, list | tuple):
        _refuse_ragged(a)
    w = as_array(a)
    refuse_dtype(w.dtype)
    if w.size == 0:
        raise ValueError(f"the matrix is empty: its shape is {w.shape}")
    if w.ndim != 2:
        raise ValueError(f"the matrix must be 2-D, got {w.ndim}-D of shape {w.shape}")
    return w


def refuse_dtype(dtype: np.dtype, name: str = "the matrix") -> None:
    """Raise TypeError unless ``dtype`` is real and no wider than 64 bits."""
    narrow = dtype.type.__module__ == "ml_dtypes" and "complex" not in dtype.name
    if not narrow and (dtype.kind not in REAL_KINDS or dtype.itemsize > 8):
        raise TypeError(
            f"{name} must hold real numbers of at most 64 bits, got dtype {dtype}"
            + {"c": "; take its real part or its modulus", "O": "; convert it to float64"}.get(
                dtype.kind, ""
            )
        )


def _refuse_ragged(rows: list | tuple) -> None:
    lengths = [len(row) if hasattr(row, "__len__") and not isinstance(row, str) else None
               for row in rows]  # fmt: skip
    for i, length in enumerate(lengths):
        if length == lengths[0]:
            continue
        if length is None or lengths[0] is None:
            raise ValueError(
                f"row {i} and row 0 (counted from 0) are not both sequences of numbers"
            )
        raise ValueError(
            f"row {i} has {length} entries, row 0 has {lengths[0]} (counted from 0); "
            "all rows must have the same length"
        )


def _refuse_non_finite(w: np.ndarray) -> None:
    for rows, panel in panels(w, np.float64):
        bad = np.argwhere(~np.isfinite(panel))
        if len(bad):
            i, j = bad[0]
            raise ValueError(
                f"entry (row {rows.start + i}, column {j}) is {panel[i, j]}, counted from 0; "
                "every entry must be finite"
            )
