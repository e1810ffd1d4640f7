"""Block power iteration that keeps what it has seen: block Golub–Kahan, fully reorthogonalised.

Starting from a random block, each sweep multiplies the newest block by T and by Tᵀ, and keeps only
what is new. With orthonormal rows U (K, m), V (K, n) of the spaces seen, T·Vᵀ = Uᵀ·B holds exactly,
so the singular values of the small matrix B (K, K), the Ritz values, approximate those of T from
below; what a Ritz pair misses is ‖pᵀS‖, with p the last block of its left vector and S the coupling
to the block still to come (Golub, Luk and Overton 1981, https://doi.org/10.1145/355945.355946).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lora_bokeh import small
from lora_bokeh.basis import Basis, grown
from lora_bokeh.products import Operator

BLOCK = 8  # measured: the fewest milliseconds to 64 values of a 4096² matrix, among 4 … 64
RESOLVED = 0.01  # a Ritz value with a smaller relative residual is taken for a value of T
BEYOND = 24  # Ritz values looked at past the wanted ones, to see where the unresolved begin


class Ritz(NamedTuple):
    """Approximations of the leading triplets, in units of 2^exponent.

    ``values`` (k,), their ``residual`` (k,) ‖Tᵀu − σv‖, the ``error`` (k,) estimated from it, and
    ``left``, ``right`` (K, k): coefficients of u and v in the bases.
    """

    values: np.ndarray
    residual: np.ndarray
    error: np.ndarray
    left: np.ndarray
    right: np.ndarray


class Krylov:
    """The state of an iteration; ``sweep`` advances it, ``ritz`` looks at it.

    Parameters
    ----------
    operator : Operator
        T, of shape (m, n) with m ≥ n.
    seed : int
        Seed of the start block and of every fresh direction.
    """

    def __init__(self, operator: Operator, seed: int) -> None:
        self.operator = operator
        n = operator.shape[1]
        self._rng = np.random.default_rng(seed)
        self.V = Basis(n, operator.dtype, self._rng)
        self.starts = min(BLOCK, n)  # random directions given so far
        self.n_sweeps = 0
        self._last = 0  # where the last block starts
        self.V.append(self.V.random(self.starts))

    def refresh(self) -> None:
        """Widen the block to come by as many random directions as were given so far."""
        fresh = min(self.starts, self.operator.shape[1] - self.V.size)
        if fresh > 0:
            self.V.append(self.V.random(fresh))
            self.starts += fresh


class BlockKrylov(Krylov):
    """The iteration with T and Tᵀ in turn."""

    lasting = False  # values become better with every look
    rounding = 8.0  # in eps·σ₁: what rounding may add to a value; seen up to 7, at many copies

    def __init__(self, operator: Operator, seed: int) -> None:
        super().__init__(operator, seed)
        self.U = Basis(operator.shape[0], operator.dtype, self._rng)
        self._B = np.zeros((0, 0))
        self._S = np.zeros((0, 0))  # coupling of the last left block to the right block to come

    @property
    def size(self) -> int:
        """K, the dimension of the spaces."""
        return self.U.size

    @property
    def full(self) -> bool:
        """Whether the spaces are all there is, so that the Ritz values are exact."""
        return self.size == self.operator.shape[1]

    def sweep(self) -> None:
        """Multiply the newest block by T, then by Tᵀ, and keep what is new.

        The products come before any change, so that after :class:`Stopped` one can go on.
        """
        if self.V.size > self.size:
            self._forward()
        self._backward()
        self.n_sweeps += 1

    def ritz(self, k: int) -> Ritz:
        """Return the leading Ritz triplets, k and some more, with residuals and errors."""
        count = min(k + BEYOND, self.size)
        P, values, Q = small.leading_triplets(
            self._B[: self.size, : self.size], count, small.SMALLEST_RATIO[self.operator.dtype]
        )
        residual = np.linalg.norm(self._S.T @ P[self._last :], axis=0)
        return Ritz(values, residual, estimate(values, residual), P, Q)

    def refine(self, ritz: Ritz, ranks: slice) -> np.ndarray:
        """Return the Ritz values of those ranks; they are as good as their vectors allow."""
        return ritz.values[ranks]

    def factors(self, ritz: Ritz, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of T as rows, left (k, m) and right (k, n)."""
        P, Q = (x[:, :k].T.astype(self.operator.dtype) for x in (ritz.left, ritz.right))
        size = P.shape[1]
        return P @ self.U.rows[:size], Q @ self.V.rows[:size]

    def _forward(self) -> None:
        old = self.size
        C, L = self.U.append(self.operator.forward(self.V.rows[old:]))
        new = self.size
        self._B = grown(self._B, new)
        self._B[:old, old:new] = C.T
        self._B[old:new, old:new] = L.T
        self._last = old

    def _backward(self) -> None:
        Z = self.operator.backward(self.U.rows[self._last :])
        room = self.operator.shape[1] - self.V.size
        if room >= len(Z):
            _, self._S = self.V.append(Z)
            return
        if room == 0:
            self._S = np.zeros((len(Z), 0))
            return
        self.V.append(self.V.random(room))  # whatever they are, they complete the space
        new = self.V.rows[self.V.size - room :]
        self._S = (Z @ new.T).astype(np.float64)


def estimate(values: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Estimate the error of each Ritz value from its residual r: min(r, r²/gap).

    r alone bounds the distance to some singular value; r²/gap, with the gap to the values not yet
    seen, is the usual second-order bound (Li and Li 2005, https://doi.org/10.1016/j.laa.2004.06.011).
    Not yet seen is what lies below the first value that is not resolved.
    """
    unresolved = np.flatnonzero(residual > RESOLVED * values)
    first = unresolved[0] if len(unresolved) else len(values) - 1
    gap = np.maximum(values - values[first], residual)
    return residual * (residual / np.maximum(gap, np.finfo(float).tiny))
