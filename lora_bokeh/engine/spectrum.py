"""Spectrum: what every rank buys, from the singular values alone.

With W_r the best rank-r approximation (Eckart and Young 1936, Mirsky 1960):
‖W − W_r‖_F = √(Σ_{j>r} σ_j²), ‖W − W_r‖₂ = σ_{r+1}, and the captured energy is Σ_{j≤r} σ_j²/‖W‖_F².
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lora_bokeh.engine.matrix import check_rank
from lora_bokeh.engine.options import Method
from lora_bokeh.engine.steps import SVDSteps, svd_steps

Ranks = int | np.ndarray | None


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The leading singular values of a matrix and its exact Frobenius norm.

    Every method takes ``rank``: an int (→ float), an array of ints (→ array), or None for the
    ranks 1 … k (→ array of shape (k,)). Rank 0 is the zero matrix: its residual is the norm.

    Attributes
    ----------
    s : ndarray of shape (k,)
        Singular values, descending, float64.
    shape : tuple of int
        Shape (m, n) of the matrix.
    dtype : dtype
        Its dtype, as given.
    frobenius_norm : float
        ‖W‖_F, summed over the entries in float64.
    tail_norm : float
        ‖W − W_k‖_F, what the k values leave; 0 when they are all.
    error_bound : ndarray of shape (k,)
        Bound on the error of each value.
    converged : bool
        Whether every bound is within the tolerance.
    method : str
        The engine: "power", "lapack" or "qr" (the factors of a LowRank).
    """

    s: np.ndarray
    shape: tuple[int, int]
    dtype: np.dtype
    frobenius_norm: float
    tail_norm: float
    error_bound: np.ndarray
    converged: bool
    method: str

    @property
    def complete(self) -> bool:
        """Whether every rank up to min(m, n) is listed."""
        return len(self.s) == min(self.shape)

    @property
    def exact_tail(self) -> bool:
        """Whether nothing is unknown past the last value: complete, or the rest is zero."""
        return self.complete or self.tail_norm == 0

    @property
    def ranks(self) -> np.ndarray:
        """The ranks listed: 1 … k."""
        return np.arange(1, len(self.s) + 1)

    def frobenius_residual(self, rank: Ranks = None) -> Any:
        """‖W − W_r‖_F for r in [0, k], summed from the tail so that nothing cancels."""
        r = self._ranks(rank, len(self.s))
        return _plain(np.ldexp(np.sqrt(self._tail[r]), self._exponent))

    def spectral_residual(self, rank: Ranks = None) -> Any:
        """‖W − W_r‖₂ = σ_{r+1} for r in [0, k]; 0 at full rank.

        At r = k of an incomplete spectrum σ_{k+1} was not computed: the value is then the upper
        bound min(σ_k, ‖W − W_k‖_F).
        """
        r = self._ranks(rank, len(self.s))
        beyond = 0.0 if self.complete else min([*self.s[-1:], self.tail_norm])
        return _plain(np.append(self.s, beyond)[r])

    def captured_energy(self, rank: Ranks = None) -> Any:
        """‖W_r‖_F²/‖W‖_F² in [0, 1] for r in [0, k]; 1 for the zero matrix, and at full rank."""
        r = self._ranks(rank, len(self.s))
        return _plain(self._energy(self._tail[r]))

    def residual_bounds(self, rank: Ranks = None) -> tuple[Any, Any]:
        """Return (lower, upper) for ‖W − W_r‖_F at r in [0, min(m, n)].

        Up to k they are equal. Past it, at most r − k more values of at most σ_k are removed:
        √max(0, ‖W−W_k‖² − (r−k)σ_k²) ≤ ‖W−W_r‖_F ≤ ‖W−W_k‖_F.
        """
        low, high = self._tail_bounds(rank)
        lower, upper = np.ldexp(np.sqrt([low, high]), self._exponent)
        return _plain(lower), _plain(upper)

    def spectral_bounds(self, rank: Ranks = None) -> tuple[Any, Any]:
        """Return (lower, upper) for ‖W − W_r‖₂ = σ_{r+1} at r in [0, min(m, n)].

        Below k they are equal. From k on, σ_{r+1} is at most σ_k, and since r + 1 − k values of at
        least that size make up the tail, at most ‖W − W_k‖_F/√(r + 1 − k); at least it may be 0.
        """
        k, p = len(self.s), min(self.shape)
        r = self._ranks(rank, p)
        known = np.append(self.s, 0.0)[np.minimum(r, k)]
        upper = self.tail_norm / np.sqrt(np.maximum(r + 1 - k, 1))
        upper = np.where(r == p, 0.0, np.minimum(upper, self.s[-1] if k else np.inf))
        return _plain(np.where(r < k, known, 0.0)), _plain(np.where(r < k, known, upper))

    def captured_energy_bounds(self, rank: Ranks = None) -> tuple[Any, Any]:
        """Return (lower, upper) for the captured energy at r in [0, min(m, n)]."""
        low, high = self._tail_bounds(rank)
        return _plain(self._energy(high)), _plain(self._energy(low))

    @cached_property
    def _exponent(self) -> int:
        """Exponent e such that squares of ‖W‖_F·2^-e neither over- nor underflow."""
        return int(np.frexp(self.frobenius_norm)[1])

    @cached_property
    def _tail(self) -> np.ndarray:
        """Σ_{j>r} σ_j² for r = 0 … k, shape (k + 1,), in units of 4^exponent."""
        s = np.ldexp(np.append(self.s, self.tail_norm), -self._exponent)
        return np.append(np.cumsum((s * s)[::-1])[::-1][:-1], s[-1] ** 2)

    def _energy(self, tail: np.ndarray) -> np.ndarray:
        total = self._tail[0]
        return 1.0 - tail / total if total > 0 else np.ones_like(tail)

    def _tail_bounds(self, rank: Ranks) -> tuple[np.ndarray, np.ndarray]:
        k, p = len(self.s), min(self.shape)
        r = self._ranks(rank, p)
        high = np.where(r == p, 0.0, self._tail[np.minimum(r, k)])
        largest = np.ldexp(self.s[-1] if k else self.tail_norm, -self._exponent)
        return np.maximum(0.0, high - np.maximum(0, r - k) * largest**2), high

    def _ranks(self, rank: Ranks, largest: int) -> np.ndarray:
        if rank is None:
            return self.ranks
        r = np.asarray(rank)
        if r.ndim == 0:
            return np.asarray(check_rank(rank, largest, smallest=0))
        if r.dtype.kind not in "iu":
            raise TypeError(f"rank must hold integers, got dtype {r.dtype}")
        if r.size and (r.min() < 0 or r.max() > largest):
            raise ValueError(f"rank must be between 0 and {largest}, got {r.min()} … {r.max()}")
        return r


def _plain(x: np.ndarray) -> Any:
    """Return a Python float for a 0-d array, the array otherwise."""
    return float(x) if np.ndim(x) == 0 else x


def spectrum(
    a: Any,
    max_rank: int | None = None,
    *,
    seed: int = 0,
    tol: float | None = None,
    method: Method = "auto",
) -> Spectrum:
    """Compute the ``max_rank`` leading singular values of a matrix and its exact norm.

    Parameters
    ----------
    a : array_like of shape (m, n) or LowRank
        Finite real numbers in any dtype, order or stride; a memory map is read in place.
    max_rank : int, optional
        How many values, in [1, min(m, n)]. Default: all when min(m, n) ≤ 1024, else 64.
    seed, tol, method
        As in :func:`lora_bokeh.engine.svd.truncated_svd`.

    Returns
    -------
    Spectrum
        The values and every curve that follows from them.

    Raises
    ------
    TypeError, ValueError
        The matrix (see :func:`lora_bokeh.engine.matrix.check_matrix`), the rank or the method is
        refused.
    """
    steps = svd_steps(a, max_rank, seed=seed, tol=tol, method=method)
    for _ in steps:
        pass
    return spectrum_so_far(steps)


def spectrum_so_far(steps: SVDSteps) -> Spectrum:
    """Return the spectrum known to a running, stopped or finished iteration.

    Parameters
    ----------
    steps : SVDSteps
        See :func:`lora_bokeh.engine.steps.svd_steps`.

    Returns
    -------
    Spectrum
        Of the values that have converged; of a stopped iteration all, ``converged`` False if some
        have not. It may hold no value at all yet, and is right all the same.
    """
    return Spectrum(
        s=steps.values.copy(),
        shape=steps.shape,
        dtype=steps.dtype,
        frobenius_norm=steps.frobenius_norm,
        tail_norm=steps.tail_norm,
        error_bound=steps.error_bound.copy(),
        converged=steps.converged,
        method=steps.method,
    )
