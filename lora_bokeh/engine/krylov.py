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

from lora_bokeh.engine import small
from lora_bokeh.engine.basis import Basis, grown
from lora_bokeh.engine.products import Operator

BLOCK = 8  # measured: the fewest milliseconds to 64 values of a 4096² matrix, among 4 … 64
ROUNDING = {np.float32: 2.0, np.float64: 8.0}  # in √n·eps·σ₁: what rounding may add to a value
BEYOND = 24  # Ritz values looked at past the wanted ones, to see where the unresolved begin


class Ritz(NamedTuple):
    """Approximations of the leading triplets, in units of 2^exponent.

    ``values`` (k,); the ``coupling`` (k,) of each pair to the space to come, that is ‖Tᵀu − σv‖ but
    for rounding; the ``residual`` (k,), with it; what ``rounding`` (k,) may add to a value; and
    ``left``, ``right`` (K, k): coefficients of u and v in the bases.
    """

    values: np.ndarray
    coupling: np.ndarray
    residual: np.ndarray
    rounding: np.ndarray
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
        """Return the leading Ritz triplets, k and some more, with what they miss."""
        count = min(k + max(BEYOND, self.starts), self.size)
        P, values, Q = small.leading_triplets(
            self._B[: self.size, : self.size], count, small.SMALLEST_RATIO[self.operator.dtype]
        )
        coupling = np.linalg.norm(self._S.T @ P[self._last :], axis=0)
        rounding = np.full(count, rounding_of(self.operator) * values[0])
        return Ritz(values, coupling, coupling, rounding, P, Q)

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


def rounding_of(operator: Operator) -> float:
    """Return what rounding may add to a singular value, in units of σ₁.

    A product of n terms is off by at most about √n·eps in all but one case of a million, rounding
    errors being independent of mean zero (Higham and Mary 2019,
    https://doi.org/10.1137/18M1226312); and the iteration is backward stable: its values are those
    of a matrix so near. Seen was up to √n·eps, with the values of an orthogonal matrix; in float64
    the bound is that of :mod:`lora_bokeh.engine.direct`, whose values of clusters were seen off by
    6 √n·eps.
    """
    unit = float(np.finfo(operator.dtype).eps)
    return ROUNDING[operator.dtype] * max(operator.shape) ** 0.5 * unit
