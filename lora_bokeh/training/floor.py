"""The Eckart–Young floor of a rank, which no training beats, and the rates that can rest there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.spectrum import Spectrum, spectrum

ADAM_RATE = 0.01
IN_FLOAT64 = 1 << 22  # entries up to which the floor is that of a float64 copy of the target


def target_spectrum(W: Any, rank: int) -> Spectrum:
    """Return the ``rank`` leading values of a target or more, in float64 unless it is large.

    Raises
    ------
    ValueError
        ‖W‖_F², and so the loss, overflows float64.
    """
    known = _spectrum(W, rank)
    if not math.isfinite(known.frobenius_norm * known.frobenius_norm):
        raise ValueError("the square of the matrix's norm overflows float64; scale it down first")
    return known


def _spectrum(W: Any, rank: int) -> Spectrum:
    if isinstance(W, LowRank):
        return spectrum(W)
    small = W.shape[0] * W.shape[1] <= IN_FLOAT64
    return spectrum(W.astype(np.float64)) if small else spectrum(W, rank)


def floor_of(known: Spectrum, rank: int) -> float:
    """Return Σ_{j>r} σ_j²/(mn), rounded down by the bounds on the errors of the values."""
    entries = known.shape[0] * known.shape[1]
    if known.complete:
        certain = np.maximum(known.s - known.error_bound, 0.0)[rank:]
        return float(certain @ certain) / entries
    rank = min(rank, len(known.s))
    s, error = known.s[:rank], known.error_bound[:rank]
    return max(0.0, known.frobenius_residual(rank) ** 2 - float((2 * s + error) @ error)) / entries


def floors(known: Spectrum, last: int) -> np.ndarray:
    """Return the floors of the ranks 0 … ``last``; that of rank 0 is ‖W‖_F²/(mn)."""
    return np.array([floor_of(known, rank) for rank in range(last + 1)])


def rate_limit(known: Spectrum, s: float = 1.0) -> float:
    """Return mn/(2sσ₁), above which plain descent can rest at no minimum of the loss.

    At B·A = W_r/s the Hessian has the curvature 2s²(b² + a²)/(mn) along the leading pair of
    directions, b·a = σ₁/s being their lengths; it is least, 4sσ₁/(mn), where they are equal. A
    step longer than two over the curvature moves away from the minimum.
    """
    curvature = 2 * abs(s) * (known.s[0] if len(known.s) else 0.0)
    return known.shape[0] * known.shape[1] / curvature if curvature > 0 else math.inf


def usual_rate(
    optimizer: str, known: Spectrum, s: float, start: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the learning rate of who names none: 0.01 for Adam, for plain descent see below.

    It is one over (2s/mn)·(2σ₁ + s‖B₀‖₂² + s‖A₀‖₂²), an estimate of the largest curvature from the
    start B₀, A₀ to the minimum. At factors B and A the curvature is at most
    (2s/mn)·(s‖B‖₂² + s‖A‖₂² + ‖W − s·BA‖₂). Gradient descent with small steps keeps BᵀB − AAᵀ as
    it was, so that the first two terms grow, beside what they were, to 2σ₁ at most. For σ₁ far
    above s‖A₀‖₂² it is half of :func:`rate_limit`; below, the start decides.
    """
    if optimizer == "adam":
        return ADAM_RATE
    sizes = sum(float(np.linalg.norm(X, 2)) ** 2 for X in start)
    largest = float(known.s[0]) if len(known.s) else 0.0
    curvature = 2 * abs(s) * (2 * largest + abs(s) * sizes) / math.prod(known.shape)
    return 1 / curvature if curvature > 0 else 1.0
