"""Block power iteration on TᵀT: one reading of the matrix a sweep, one basis.

Block Lanczos, fully reorthogonalised: with orthonormal rows V (K, n) of the space seen, V·TᵀT = H·V
but for the coupling L to the block still to come, and the eigenvalues of the small H (K, K)
approximate σ². TᵀT holds σ² to eps·σ₁² only, so it serves values that are not too small beside σ₁;
such a value, once its vector v has converged, is taken from T·v itself, and is then as good as that
of :class:`~lora_bokeh.engine.krylov.BlockKrylov`, which does the rest (Golub and Van Loan 2013,
sections 10.3 and 8.6).
"""

from __future__ import annotations

import numpy as np

from lora_bokeh.engine import small
from lora_bokeh.engine.basis import Rows, grown
from lora_bokeh.engine.krylov import BEYOND, Krylov, Ritz, rounding_of
from lora_bokeh.engine.products import Operator
from lora_bokeh.engine.thin_qr import thin_qr

SMALLEST_RATIO = {np.float32: 0.01, np.float64: 1e-4}  # σ_k/σ₁ that squares still resolve
RESOLVED = 0.01  # a Ritz value with a smaller relative residual is taken for a value of T
ROUNDING = 4.0  # in eps·σ₁: what the arithmetic adds to a residual; measured up to 2
TINY = np.finfo(float).tiny  # keeps the zero matrix from dividing by zero
SQUARED = 0.1  # in eps·σ₁²/σ: what it adds in squaring; measured up to 0.02


class Unresolved(ArithmeticError):  # noqa: N818 - a finding, not an error
    """The values wanted are out of reach of the squares: take :class:`BlockKrylov`."""


class GramKrylov(Krylov):
    """The iteration with TᵀT.

    Parameters
    ----------
    operator, seed
        As for :class:`~lora_bokeh.engine.krylov.Krylov`.
    keep_images : bool
        Whether to keep V·Tᵀ too: as much memory again, and no more products for what is found.
    """

    full = False  # it gives up before its space is all there is
    lasting = True  # to refine values takes as long as a sweep: once each is enough

    def __init__(self, operator: Operator, seed: int, keep_images: bool = True) -> None:
        super().__init__(operator, seed)
        self.size = 0
        self._H = np.zeros((0, 0))
        self._L = np.zeros((0, 0))  # coupling of the last block to the one to come
        self._images = Rows(operator.shape[0], operator.dtype) if keep_images else None  # V·Tᵀ

    def sweep(self) -> None:
        """Multiply the newest block by TᵀT and keep what is new.

        Raises
        ------
        Unresolved
            There is nothing new, or no room for it.
        """
        old, new = self.size, self.V.size
        if 2 * new - old > self.operator.shape[1]:
            raise Unresolved
        images, squares = self.operator.gram(self.V.rows[old:])
        if self._images is not None:
            self._images.extend(images)
        C, self._L = self.V.append(squares, near=self._last)
        self._H = grown(self._H, new)
        self._H[old:new, :new] = C  # the lower triangle is all that is read
        self._last, self.size = old, new
        self.n_sweeps += 1
        if not np.diag(self._L).all():
            raise Unresolved

    def ritz(self, k: int) -> Ritz:
        """Return the leading Ritz pairs, k and some more; the residuals are those of T.

        Raises
        ------
        Unresolved
            Some of the k values is too small for its square to be told from rounding.
        """
        squares, Q = np.linalg.eigh(self._H[: self.size, : self.size])
        leading = slice(None, -min(k + max(BEYOND, self.starts), self.size) - 1, -1)
        values, Q = np.sqrt(np.maximum(squares[leading], TINY)), Q[:, leading].copy()
        share = values / values[0]
        eps = np.finfo(self.operator.dtype).eps
        missed = np.linalg.norm(self._L.T @ Q[self._last :], axis=0) / values
        residual = np.hypot(missed, eps * values[0] * np.hypot(ROUNDING, SQUARED / share))
        small = share[:k] < SMALLEST_RATIO[self.operator.dtype]
        resolved = residual[:k] <= RESOLVED * values[:k]
        if np.any(small & (resolved | (self.size >= 2 * k))):
            raise Unresolved
        rounding = rounding_of(self.operator) * values[0] * np.maximum(1, SQUARED / share)
        return Ritz(values, missed, residual, rounding, np.zeros((0, len(values))), Q)

    def refine(self, ritz: Ritz, ranks: slice) -> np.ndarray:
        """Return the values of those ranks from the products of their vectors with T."""
        images = self._images_of(self._coefficients(ritz, ranks), self.operator)
        ratio = small.SMALLEST_RATIO[self.operator.dtype]
        return small.leading_triplets(images.astype(np.float64), len(images), ratio)[1]

    def factors(self, ritz: Ritz, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of T as rows, left (k, m) and right (k, n)."""
        coefficients = self._coefficients(ritz, slice(k))
        images = self._images_of(coefficients, self.operator.unstoppable)
        Q, R = thin_qr(images.T.astype(np.float64))
        P, _, Rh = np.linalg.svd(R)
        return (Q @ P).T.astype(images.dtype), Rh.astype(images.dtype) @ self._right(coefficients)

    def _coefficients(self, ritz: Ritz, ranks: slice) -> np.ndarray:
        """Return the vectors of those ranks in the basis, as rows of unit length."""
        rows = ritz.right[:, ranks].T
        return (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(self.operator.dtype)

    def _right(self, coefficients: np.ndarray) -> np.ndarray:
        return coefficients @ self.V.rows[: coefficients.shape[1]]

    def _images_of(self, coefficients: np.ndarray, operator: Operator) -> np.ndarray:
        """Return the products of those vectors with T, as rows."""
        if self._images is None:
            return operator.forward(self._right(coefficients))
        return coefficients @ self._images.rows[: coefficients.shape[1]]
