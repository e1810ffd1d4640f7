"""Seeded numbers that Python and the page draw alike, bit for bit.

The entry at position i is an integer hash of the seed, the stream and i (``lowbias32`` by Chris
Wellons), so that a larger rank adds entries and changes none. Enough to look at, not for
statistics. ``js/merge/draws.mjs`` is the same in JavaScript.
"""

from __future__ import annotations

import numpy as np

STREAMS = {"B": 1, "A": 2, "x": 3}


def uniform(seed: int, stream: str, count: int) -> np.ndarray:
    """Return ``count`` float64 numbers in (−1, 1); the first ones are the same for any count.

    Parameters
    ----------
    seed : int
        Any integer in [0, 2³²).
    stream : {"B", "A", "x"}
        What the numbers are for; streams of one seed differ.
    count : int
        How many.
    """
    key = _mixed(_mixed(np.array([seed], dtype=np.uint32)) + np.uint32(STREAMS[stream]))
    hashed = _mixed(key ^ np.arange(count, dtype=np.uint32))
    return (2.0 * hashed + 1.0) / 2**32 - 1.0


def drawn_factors(seed: int, shape: tuple[int, int], rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw B (d, r) and A (r, k) of an update of shape (d, k).

    A is uniform within ±1/√k, as the reference implementation begins (Kaiming with a = √5), and B
    within ±1. Entries run column by column in B and row by row in A.
    """
    d, k = shape
    B = uniform(seed, "B", d * rank).reshape(rank, d).T
    A = uniform(seed, "A", rank * k).reshape(rank, k) / np.sqrt(k)
    return B, A


def _mixed(x: np.ndarray) -> np.ndarray:
    """Hash 32-bit integers one to one, so that neighbours end far apart."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))
