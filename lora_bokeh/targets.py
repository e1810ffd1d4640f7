"""Synthetic target matrices, each telling one story about rank. Seeded: the same every time."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

# Published for the default target at rank 1: the Frobenius residual and the captured energy.
RESIDUAL_AT_1 = 4.572
ENERGY_AT_1 = 0.908


class Target(NamedTuple):
    """A matrix with a name and its story in one line."""

    name: str
    story: str
    matrix: np.ndarray


def with_singular_values(s: np.ndarray, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Return a matrix of the given shape whose singular values are ``s`` and then zeros.

    The singular vectors are drawn uniformly: QR of Gaussian matrices (Stewart 1980).

    Parameters
    ----------
    s : ndarray of shape (k,)
        Singular values, k ≤ min(shape).
    shape : tuple of int
        Shape (m, n) of the matrix.
    seed : int, default 0
        Seed of the directions.
    """
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.standard_normal((size, len(s))))[0] for size in shape)
    return (U * s) @ V.T


def two_directions(seed: int = 0) -> np.ndarray:
    """Return the default 8×8: two dominant directions and low-amplitude noise.

    Its residual at rank 1 is RESIDUAL_AT_1 and its captured energy there ENERGY_AT_1; the rest is
    one more strong direction over a noise plateau.
    """
    rest = np.array([4.4, 0.62, 0.57, 0.52, 0.48, 0.44, 0.4])
    rest *= RESIDUAL_AT_1 / np.linalg.norm(rest)
    first = RESIDUAL_AT_1 * np.sqrt(ENERGY_AT_1 / (1 - ENERGY_AT_1))
    return with_singular_values(np.array([first, *rest]), (8, 8), seed)


def clean(rank: int = 3, shape: tuple[int, int] = (12, 16), seed: int = 1) -> np.ndarray:
    """Return a matrix of exactly the given rank."""
    return with_singular_values(np.linspace(6.0, 2.0, rank), shape, seed)


def low_rank_plus_noise(
    rank: int = 4, shape: tuple[int, int] = (64, 48), noise: float = 0.05, seed: int = 2
) -> np.ndarray:
    """Return a low-rank signal plus Gaussian noise of standard deviation ``noise``."""
    rng = np.random.default_rng(seed)
    signal = with_singular_values(np.linspace(8.0, 3.0, rank), shape, seed)
    return signal + noise * rng.standard_normal(shape)


def power_law(
    exponent: float = 0.7, shape: tuple[int, int] = (64, 64), seed: int = 3
) -> np.ndarray:
    """Return a matrix with singular values j^-exponent, as trained weights often have."""
    j = np.arange(1, min(shape) + 1)
    return with_singular_values(8.0 * j**-exponent, shape, seed)


def flat(n: int = 16, seed: int = 4) -> np.ndarray:
    """Return a random rotation: every singular value is 1, the energy at rank r is r/n."""
    return with_singular_values(np.ones(n), (n, n), seed)


def noise(shape: tuple[int, int] = (48, 32), seed: int = 5) -> np.ndarray:
    """Return standard Gaussian noise."""
    return np.random.default_rng(seed).standard_normal(shape)


@cache
def gallery() -> tuple[Target, ...]:
    """Return the targets that an explorer offers, the default first."""
    return (
        Target(
            "two directions + noise", "Two ranks carry it; the rest is noise.", two_directions()
        ),
        Target("clean rank 3", "Exactly rank 3: the residual is zero from r = 3 on.", clean()),
        Target(
            "low rank + noise",
            "Four directions stand out of a noise floor: past them, ranks fit noise.",
            low_rank_plus_noise(),
        ),
        Target(
            "power law", "A long tail, as trained weights have: each rank buys less.", power_law()
        ),
        Target("flat", "All directions count the same: LoRA must fail, energy is r/n.", flat()),
        Target("noise", "Pure noise: nothing to compress, the curve falls slowly.", noise()),
    )
