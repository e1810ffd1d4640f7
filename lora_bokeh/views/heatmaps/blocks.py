"""Pictures of a matrix, and of its best approximation of every rank, small enough for a page.

A picture holds the means over blocks of entries, and means commute with the product: where P and Q
average blocks of rows and of columns, P·W_r·Qᵀ = Σ_{j≤r} (P·u_j√σ_j)·(Q·v_j√σ_j)ᵀ. So the pooled
columns of B = U√S and rows of A = √S·Vᵀ give the picture of W_r for every r, exactly. Where a block
is one entry, so is the picture exact, entry by entry.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.engine.low_rank import LowRank

MOST = 160  # rows and columns of a picture that a page holds from the start
FEWEST = 64  # up to here, matrices are always shown entry by entry
ENTRIES = 50_000  # of float32 that a page holds of one target, where FEWEST leaves the choice


class Region(NamedTuple):
    """Rows [top, bottom) and columns [left, right) of a matrix, counted from 0."""

    top: int
    bottom: int
    left: int
    right: int


def whole(shape: tuple[int, int]) -> Region:
    """Return the region that is the whole matrix."""
    return Region(0, shape[0], 0, shape[1])


def side_for(ranks: int, fewest: int = FEWEST) -> int:
    """Return the side p of a picture: p² + 2·p·ranks numbers are to be held, see ENTRIES."""
    side = int((ranks**2 + ENTRIES) ** 0.5) - ranks
    return min(max(side, fewest), MOST)


def unit_exponent(norm: float) -> int:
    """Return h such that a matrix of this norm is held in units of 4^h, its factors of 2^h.

    Entries in these units are below 4, so that float32 holds matrices of any scale.
    """
    return (int(np.frexp(norm)[1]) - 1) // 2


def picture(matrix: Any, norm: float, side: int, region: Region | None = None) -> np.ndarray:
    """Return the means over blocks of a region, in units of 4^h.

    Parameters
    ----------
    matrix : ndarray of shape (m, n) or LowRank
        A LowRank is pooled factor by factor.
    norm : float
        ‖W‖_F, see :func:`unit_exponent`.
    side : int
        Rows and columns of the picture, at most.
    region : Region, optional
        Default: the whole.

    Returns
    -------
    ndarray of shape (p, q), float32
    """
    top, bottom, left, right = region or whole(matrix.shape)
    h = unit_exponent(norm)
    if isinstance(matrix, LowRank):
        B = _row_means(matrix.B[top:bottom], side, h)
        A = _row_means(matrix.A.T[left:right], side, h)
        return (matrix.scale * B @ A.T).astype(np.float32)
    by_rows = _row_means(matrix[top:bottom, left:right], side, 2 * h)
    return _row_means(by_rows.T, side).T.astype(np.float32)


def terms(
    factors: tuple[np.ndarray, np.ndarray, np.ndarray],
    norm: float,
    side: int,
    region: Region | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pooled columns of B = U√S and rows of A = √S·Vᵀ, in units of 2^h.

    Parameters
    ----------
    factors : tuple of ndarray
        U (m, k), s (k,) and Vh (k, n).
    norm, side, region
        As for :func:`picture`.

    Returns
    -------
    left (k, p), right (k, q), float32
        The picture of W_r is left[:r].T @ right[:r]. The largest entry of each column of U is
        positive, so that a term looks the same each time.
    """
    U, s, Vh = factors
    top, bottom, left, right = region or whole((len(U), Vh.shape[1]))
    signs = np.where(U.max(axis=0) >= -U.min(axis=0), 1.0, -1.0)
    root = (signs * np.ldexp(np.sqrt(s), -unit_exponent(norm)))[:, None]
    B = root * _row_means(U[top:bottom], side).T
    A = root * _row_means(Vh.T[left:right], side).T
    return B.astype(np.float32), A.astype(np.float32)


def edges(size: int, side: int) -> np.ndarray:
    """Return where the blocks of ``size`` rows begin, and the end: ⌊i·size/count⌋."""
    count = min(size, side)
    return np.arange(count + 1) * size // count


def _row_means(matrix: np.ndarray, side: int, exponent: int = 0) -> np.ndarray:
    """Return the means over blocks of rows, in float64 and units of 2^exponent."""
    blocks = itertools.pairwise(edges(len(matrix), side))
    return np.stack([_mean(matrix[start:end], exponent) for start, end in blocks])


def _mean(rows: np.ndarray, exponent: int) -> np.ndarray:
    scaled = np.ldexp(rows.astype(np.float64), -exponent) if exponent else rows
    return scaled.mean(axis=0, dtype=np.float64)
