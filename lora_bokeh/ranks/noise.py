"""Singular values of pure noise: where they end, where their middle is, where to cut.

For an m×n matrix of independent entries of variance v, m ≤ n, β = m/n, the values of W/√(nv)
follow the Marchenko–Pastur law between 1 − √β and 1 + √β (Marchenko and Pastur 1967).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

STEPS = 4096  # of the midpoint rule: seven digits of the median


@lru_cache
def median(beta: float) -> float:
    """Return the median of the law for the *squared* values, μ_β of Gavish and Donoho.

    With t = a + (b−a)·sin²θ, a and b the ends (1∓√β)², the density √((b−t)(t−a))/(2πβt) dt becomes
    smooth in θ, and the midpoint rule does.
    """
    a, b = (1 - beta**0.5) ** 2, (1 + beta**0.5) ** 2
    theta = (np.arange(STEPS) + 0.5) * (np.pi / 2 / STEPS)
    t = a + (b - a) * np.sin(theta) ** 2
    mass = np.cumsum((np.sin(theta) * np.cos(theta)) ** 2 / t)
    ends = theta + np.pi / 4 / STEPS
    middle = np.interp(0.5, mass / mass[-1], ends)
    return float(a + (b - a) * np.sin(middle) ** 2)


def threshold_over_median(shape: tuple[int, int]) -> float:
    """Return ω(β) = λ(β)/√μ_β, the optimal hard threshold in units of the median singular value.

    λ(β) = √(2(β+1) + 8β/(β+1+√(β²+14β+1))). Gavish and Donoho 2014, *The optimal hard threshold
    for singular values is 4/√3*, https://arxiv.org/abs/1305.5870, eqs. 3 and 11.
    """
    beta = min(shape) / max(shape)
    root = (beta * beta + 14 * beta + 1) ** 0.5
    optimal = (2 * (beta + 1) + 8 * beta / (beta + 1 + root)) ** 0.5
    return optimal / median(beta) ** 0.5
