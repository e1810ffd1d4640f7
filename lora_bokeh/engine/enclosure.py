"""Upper bounds of singular values, from Ritz values, residuals, and what random starts reveal.

In exact arithmetic a Ritz value lies below the singular value of its rank: θ_i ≤ σ_i. How far above
σ_i may be is told here. With the q leading Ritz vectors split off, T = [[Θ, E], [0, N]]. If ‖N‖₂ is
at most ν < θ_i, then σ_i² ≤ θ_i² + y for every y ≥ 0 with

    f·Σ_{i≤j≤q} r_j²/(y + θ_i² − θ_j²) ≤ 1,  f = θ_i²/(θ_i² − ν²)

where r_j are the lengths of the rows of E, the residuals. (The Schur complement of N is at most
Θ² + f·E·Eᵀ, and E·Eᵀ at most diag(x) whenever Σ r_j²/x_j ≤ 1.) For a value by itself that is the
bound of Kato and Temple, r²/(2·gap) or less, and it holds for each value of a group too; compare Li
and Li 2005, https://doi.org/10.1016/j.laa.2004.06.011.

ν is θ_{q+1} and its residual, provided that N has no value that the Ritz values do not show. Only
copies, or values so near that the space does not yet tell them apart, go unseen: b random vectors
have a part in b directions of any group of values, and no more. A window around θ_i that holds
fewer Ritz values than there were random vectors, and is wide beside their residuals, has shown all
there is in it: so q must lie within such a window. With one vector to spare, the chance that the
last of a group comes so late that it was missed is about (r/gap)², from the least singular value of
a Gaussian matrix (Edelman 1988, https://doi.org/10.1137/0609045): hence ``SLACK`` and ``RESOLVED``.

In a window with more Ritz values, a crowd, there may be more of their kind, and larger ones. b
random directions have a share b/M of any direction in a space of M, so one of up to M values that
lies at a distance D leaves a residual of D·√(b/M), unless chance makes it smaller (``LUCK``). M is
at most what is left of ‖T‖_F², over θ².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RESOLVED = 0.02  # largest residual, in units of the gap, of a Ritz value that hides nothing
SLACK = 2  # so many fewer Ritz values than random vectors may be in a window, for the late ones
LUCK = 4.0  # a χ² of 8 degrees is below 8/16 once in six thousand
FLOOR = 2.0  # in units of rounding: values as near as that may be copies
TURNS = 4  # of the fixed-point iteration for y: each leaves it an upper bound
TINY = np.finfo(float).tiny


class Seen(NamedTuple):
    """What a Krylov space shows of T.

    Attributes
    ----------
    values, coupling, residual : ndarray of shape (L,)
        Leading Ritz values, descending; how far each Ritz vector is coupled to the space to come;
        the same with what rounding adds to it.
    rounding : ndarray of shape (L,)
        What rounding may add to each value.
    starts : int
        How many random vectors there were.
    norm : float
        ‖T‖_F.
    order : int
        min(m, n).
    """

    values: np.ndarray
    coupling: np.ndarray
    residual: np.ndarray
    rounding: np.ndarray
    starts: int
    norm: float
    order: int


class Enclosure(NamedTuple):
    """What follows.

    Attributes
    ----------
    upper : ndarray of shape (L,)
        No σ_i is larger, but for rounding.
    crowd : ndarray of shape (L,)
        Width of the window that holds as many Ritz values as may hide another; inf where the value
        has shown to be on its own, or in company that is complete.
    """

    upper: np.ndarray
    crowd: np.ndarray


def enclose(seen: Seen) -> Enclosure:
    """Return upper bounds of the singular values; see the module."""
    upper = _by_gap(seen)
    alone = np.isfinite(upper)
    hidden = np.where(alone, 0.0, seen.values + _reach(seen))
    upper = np.maximum(np.where(alone, upper, 0.0), np.maximum.accumulate(hidden))
    upper = np.maximum(np.minimum(upper, _by_energy(seen)), seen.values)
    return Enclosure(upper, np.where(alone, np.inf, _width(seen.values, seen.starts - SLACK + 1)))


def _by_gap(seen: Seen) -> np.ndarray:
    """Return the best bound over all q; inf where no window shows that it is complete."""
    theta, most = seen.values, seen.starts - SLACK
    best, largest = np.full(len(theta), np.inf), np.zeros(len(theta))
    for offset in range(1, min(most, len(theta) - 1) + 1):
        i = np.arange(len(theta) - offset)
        largest = np.maximum(largest[: len(i)], seen.coupling[i + offset - 1])
        width = theta[i] - theta[i + offset]
        above = i - np.searchsorted(-theta, -(theta[i] + width), side="right")
        gap = width - seen.residual[i + offset]
        sound = (above + offset <= most) & (largest <= RESOLVED * gap)
        i = i[sound & (gap > FLOOR * seen.rounding[i])]
        best[i] = np.minimum(best[i], _risen(theta, seen.residual, i, offset))
    return best


def _risen(theta: np.ndarray, r: np.ndarray, i: np.ndarray, offset: int) -> np.ndarray:
    """Return √(θ_i² + y) for q = i + offset − 1."""
    nu = theta[i + offset] + r[i + offset]
    f = theta[i] ** 2 / ((theta[i] - nu) * (theta[i] + nu))
    j = i[:, None] + np.arange(offset)
    weights = f[:, None] * r[j] ** 2
    distances = (theta[i, None] - theta[j]) * (theta[i, None] + theta[j])
    y = weights.sum(axis=1)
    for _ in range(TURNS):
        y = y * np.sum(weights / np.maximum(y[:, None] + distances, TINY), axis=1)
    return theta[i] + y / (2 * theta[i])


def _reach(seen: Seen) -> np.ndarray:
    """Return how far above each value a hidden one may be, if it is in a crowd."""
    left = np.maximum(seen.norm**2 - np.append(0.0, np.cumsum(seen.values[:-1] ** 2)), 0.0)
    squares = np.maximum(seen.values**2, TINY)
    more = np.minimum(left / squares, seen.order - 1) + 1
    around = np.pad(seen.coupling, seen.starts - 1)
    near = np.lib.stride_tricks.sliding_window_view(around, 2 * seen.starts - 1).max(axis=1)
    return LUCK * np.sqrt(np.maximum(more / seen.starts, 1.0)) * near


def _by_energy(seen: Seen) -> np.ndarray:
    """Return bounds that need no gap: i − c values of at least σ_i are in what c of them leave."""
    theta = seen.values
    slack = 2 * seen.rounding[:1] * np.cumsum(theta) + seen.norm**2 * 1e-12
    left = seen.norm**2 - np.append(0.0, np.cumsum(theta**2) - slack)[:-1]
    return np.sqrt(np.minimum.accumulate(np.maximum(left, 0.0)))


def _width(theta: np.ndarray, count: int) -> np.ndarray:
    """Return the width of the narrowest window of so many values that each is in."""
    widths = np.full(len(theta), np.inf)
    for start in range(len(theta) - count + 1):
        members = slice(start, start + count)
        widths[members] = np.minimum(widths[members], theta[start] - theta[start + count - 1])
    return widths
