"""Products of a block of row vectors with a matrix that is never copied whole.

Each goes through the rows of the matrix in parts, one for every core: see ``_products``, ``crew``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy

import numpy as np

from lora_bokeh.engine import product_kernels
from lora_bokeh.engine.matrix import compute_dtype, panels
from lora_bokeh.engine.parallel import PARTS, in_parts
from lora_bokeh.engine.product_kernels import TILE
from lora_bokeh.engine.widening import widened

NATIVE_PANEL_BYTES = 64 << 20  # a product with it takes some 10 ms, so a stop is soon seen
WIDENED_PANEL_BYTES = 8 << 20  # stays in the last-level cache until it is multiplied
STAGGER = 1088  # bytes between vectors a power of two apart: else each store delays the next load
SAFE_EXPONENT = {np.float32: 24, np.float64: 200}  # norms up to 2^±this: fourth powers are safe


class Stopped(InterruptedError):  # noqa: N818 - a request obeyed, not an error
    """The caller's stop flag was seen; what was being computed is discarded."""


class Operator:
    """A matrix W, or its transpose, as a map of row vectors, scaled by a power of two.

    The map is X ↦ X·Tᵀ (:meth:`forward`) and Y ↦ Y·T (:meth:`backward`), where T is W·2^-exponent
    or its transpose, whichever has no more columns than rows.

    Parameters
    ----------
    w : ndarray of shape (m, n)
        Float32 and float64 in C or Fortran order are read in place; all else is upcast panel by
        panel at each product.
    norm : float
        ‖W‖_F, from which the exponent is taken.
    stop : callable, optional
        Asked before each panel; when it returns True the product raises :class:`Stopped`.
    """

    def __init__(self, w: np.ndarray, norm: float, stop: Callable[[], bool] | None = None) -> None:
        self.dtype = compute_dtype(w.dtype)
        self.transposed = w.shape[0] < w.shape[1]
        self.shape = w.shape[::-1] if self.transposed else w.shape
        self.exponent = _exponent(norm, SAFE_EXPONENT[self.dtype])
        self.stop = stop
        flipped = not w.flags.c_contiguous and abs(w.strides[0]) < abs(w.strides[1])
        self._stored = w.T if flipped else w  # rows along the memory
        self._fused = self.transposed == flipped  # whether they are the rows of T

    @property
    def unstoppable(self) -> Operator:
        """The same map, for what is wanted after a stop too."""
        operator = copy(self)
        operator.stop = None
        return operator

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return X·Tᵀ, shape (b, m'), for X of shape (b, n')."""
        return self._product(X, down=not self._fused)

    def backward(self, Y: np.ndarray) -> np.ndarray:
        """Return Y·T, shape (b, n'), for Y of shape (b, m')."""
        return self._product(Y, down=self._fused)

    def distance(self, left: np.ndarray, s: np.ndarray, right: np.ndarray) -> float:
        """Return ‖T − leftᵀ·diag(s)·right‖_F, for left (k, m') and right (k, n'), in float64."""
        a, b = (left, right) if self._fused else (right, left)
        b = s[:, None] * b.astype(np.float64)
        squared = 0.0
        for rows, panel in panels(self._stored, np.float64):
            self._check_stop()
            rest = np.ldexp(panel, -self.exponent) - a[:, rows].T.astype(np.float64) @ b
            squared += float(np.vdot(rest, rest))
        return squared**0.5

    def gram(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return X·Tᵀ (b, m') and X·Tᵀ·T (b, n'), for X of shape (b, n')."""
        if not self._fused or self.exponent:
            Y = self.forward(X)
            return Y, self.backward(Y)
        Y = np.empty((len(X), self.shape[0]), self.dtype)
        Z = np.zeros_like(X)
        for rows, panel in self._panels():
            images, sums = gram(panel, X)
            Y[:, rows] = images.T
            Z += sums
        return Y, Z

    def _product(self, X: np.ndarray, down: bool) -> np.ndarray:
        """Return X·M (down) or X·Mᵀ, M as stored, half of the scaling before and half after."""
        half = self.exponent // 2
        X = np.ldexp(X, -half) if half else X
        Y = self._down(X) if down else self._across(X)
        return np.ldexp(Y, half - self.exponent) if self.exponent else Y

    def _down(self, X: np.ndarray) -> np.ndarray:
        Y = np.zeros((len(X), self._stored.shape[1]), self.dtype)
        for rows, panel in self._panels():
            Y += down(panel, X[:, rows].T)
        return Y

    def _across(self, X: np.ndarray) -> np.ndarray:
        Y = np.empty((len(X), self._stored.shape[0]), self.dtype)
        for rows, panel in self._panels():
            Y[:, rows] = across(panel, X).T
        return Y

    def _panels(self) -> Iterator[tuple[slice, np.ndarray]]:
        w = self._stored
        in_place = w.dtype == self.dtype and w.flags.c_contiguous
        size = NATIVE_PANEL_BYTES if in_place else WIDENED_PANEL_BYTES
        for rows, panel in widened(w, self.dtype, size):
            self._check_stop()
            yield rows, np.ascontiguousarray(panel)

    def _check_stop(self) -> None:
        if self.stop is not None and self.stop():
            raise Stopped


def across(M: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return M·Xᵀ (m, b), for M (m, n) and X (b, n)."""
    M, m, b = _tiled(M), len(M), len(X)
    X = _staggered(X)
    Y = np.empty((len(M), len(X)), M.dtype)
    in_parts(lambda _, rows: product_kernels.across(M[rows], X, Y[rows]), *_work(M, X))
    return Y[:m, :b]


def down(M: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return Yᵀ·M (b, n), for M (m, n) and Y (m, b)."""
    M, (m, b) = _tiled(M), Y.shape
    wide = np.zeros((len(M), b + -b % TILE), M.dtype)
    wide[:m, :b] = Y
    Z = _sums(M, wide.shape[1])
    parts = in_parts(
        lambda part, rows: product_kernels.down(M[rows], wide[rows], Z[part]), *_work(M, wide.T)
    )
    return _total(Z[:parts], M)[:b]


def gram(M: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return M·Xᵀ (m, b) and X·Mᵀ·M (b, n), for M (m, n) and X (b, n), reading M once."""
    M, m, b = _tiled(M), len(M), len(X)
    X = _staggered(X)
    Y = np.empty((len(M), len(X)), M.dtype)
    Z = _sums(M, len(X))
    parts = in_parts(
        lambda part, rows: product_kernels.gram(M[rows], X, Y[rows], Z[part]), *_work(M, X)
    )
    return Y[:m, :b], _total(Z[:parts], M)[:b]


def _tiled(M: np.ndarray) -> np.ndarray:
    """Return M with at least a tile of rows."""
    return M if len(M) >= TILE else np.pad(M, ((0, TILE - len(M)), (0, 0)))


def _staggered(X: np.ndarray) -> np.ndarray:
    """Return X in whole tiles of rows, some memory between them."""
    b, n = X.shape
    wide = np.zeros((b + -b % TILE, n + STAGGER // X.itemsize), X.dtype)
    wide[:b, :n] = X
    return wide


def _sums(M: np.ndarray, b: int) -> np.ndarray:
    return np.zeros((PARTS, b, M.shape[1] + STAGGER // M.itemsize), M.dtype)


def _total(Z: np.ndarray, M: np.ndarray) -> np.ndarray:
    return Z.sum(axis=0)[:, : M.shape[1]]


def _work(M: np.ndarray, X: np.ndarray) -> tuple[int, int, int]:
    return len(M), TILE, M.size * len(X)


def _exponent(norm: float, safe: int) -> int:
    """Return the exponent of ``norm``, or 0 while products need no help against overflow."""
    exponent = int(np.frexp(norm)[1])
    return exponent if abs(exponent) > safe else 0
