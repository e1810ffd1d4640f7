"""Products of a block of row vectors with a matrix that is never copied whole.

They go to NumPy's BLAS, which releases the GIL as a compiled kernel would; why: see ``_kernels``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lora_bokeh.matrix import compute_dtype, panels

NATIVE_PANEL_BYTES = 64 << 20  # one BLAS call on it takes some 10 ms, so a stop is soon seen
SAFE_EXPONENT = {np.float32: 24, np.float64: 300}  # products of entries up to 2^±this are safe


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
        self._flipped = not w.flags.c_contiguous and abs(w.strides[0]) < abs(w.strides[1])
        self._stored = w.T if self._flipped else w  # rows along the memory

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Return X·Tᵀ, shape (b, m'), for X of shape (b, n')."""
        return self._product(X, down=self.transposed != self._flipped)

    def backward(self, Y: np.ndarray) -> np.ndarray:
        """Return Y·T, shape (b, n'), for Y of shape (b, m')."""
        return self._product(Y, down=self.transposed == self._flipped)

    def distance(self, left: np.ndarray, s: np.ndarray, right: np.ndarray) -> float:
        """Return ‖T − leftᵀ·diag(s)·right‖_F, for left (k, m') and right (k, n'), in float64."""
        a, b = (right, left) if self.transposed != self._flipped else (left, right)
        b = s[:, None] * b.astype(np.float64)
        squared = 0.0
        for rows, panel in panels(self._stored, np.float64):
            self._check_stop()
            rest = np.ldexp(panel, -self.exponent) - a[:, rows].T.astype(np.float64) @ b
            squared += float(np.vdot(rest, rest))
        return squared**0.5

    def _product(self, X: np.ndarray, down: bool) -> np.ndarray:
        """Return X·M (down) or X·Mᵀ, M as stored, half of the scaling before and half after."""
        half = self.exponent // 2
        X = np.ldexp(X, -half) if half else X
        Y = self._down(X) if down else self._across(X)
        return np.ldexp(Y, half - self.exponent) if self.exponent else Y

    def _down(self, X: np.ndarray) -> np.ndarray:
        Y = np.zeros((len(X), self._stored.shape[1]), self.dtype)
        for rows, panel in self._panels():
            Y += X[:, rows] @ panel
        return Y

    def _across(self, X: np.ndarray) -> np.ndarray:
        Y = np.empty((len(X), self._stored.shape[0]), self.dtype)
        for rows, panel in self._panels():
            Y[:, rows] = (panel @ X.T).T  # faster than X @ panel.T
        return Y

    def _panels(self) -> Iterator[tuple[slice, np.ndarray]]:
        in_place = self._stored.dtype == self.dtype and self._stored.flags.c_contiguous
        size = {"size": NATIVE_PANEL_BYTES} if in_place else {}
        for rows, panel in panels(self._stored, self.dtype, **size):
            self._check_stop()
            yield rows, panel

    def _check_stop(self) -> None:
        if self.stop is not None and self.stop():
            raise Stopped


def _exponent(norm: float, safe: int) -> int:
    """Return the exponent of ``norm``, or 0 while products need no help against overflow."""
    exponent = int(np.frexp(norm)[1])
    return exponent if abs(exponent) > safe else 0
