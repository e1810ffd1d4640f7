"""The full SVD by LAPACK: the engine for small matrices, and for spectra too flat to iterate on.

It runs in float64 whatever the input: NumPy does so for float32 too, at the same price.
"""

from __future__ import annotations

import numpy as np

ERROR_FACTOR = 8.0  # LAPACK's backward error is a modest multiple of eps·σ₁; checked in the tests


class FullSVD:
    """The engine that computes every value at one stroke; see :mod:`lora_bokeh.engine.steps`.

    Parameters
    ----------
    w : ndarray of shape (m, n)
        The checked matrix.
    vectors : bool
        Whether the vectors will be wanted: they cost several times the values. If they are wanted
        all the same, they take a second SVD.
    """

    method = "lapack"
    n_sweeps = 0

    def __init__(self, w: np.ndarray, vectors: bool = False) -> None:
        self._w = w
        self._vectors = vectors
        self._U = self._Vh = self.values = self.bounds = np.zeros(0)
        self.converged = 0

    def advance(self, _k: int) -> None:
        """Compute everything, however little is asked for."""
        if self._vectors:
            self._U, self.values, self._Vh = svd_factors(self._w)
        else:
            self.values = svd_values(self._w)
        eps = np.finfo(np.float64).eps
        bound = ERROR_FACTOR * max(self._w.shape) ** 0.5 * eps * self.values[0]
        self.bounds = np.full(len(self.values), bound)
        self.converged = len(self.values)

    def factors(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return U (m, k) and Vh (k, n)."""
        if not self._U.size:
            self._U, _, self._Vh = svd_factors(self._w)
        return self._U[:, :k], self._Vh[:k]

    def tail_norm(self, k: int, norm: float) -> float:
        """Return ‖W − W_k‖_F = √Σ_{j>k} σ_j², safe against over- and underflow."""
        return norm * float(np.linalg.norm(self.values[k:] / norm)) if norm > 0 else 0.0


def svd_values(w: np.ndarray) -> np.ndarray:
    """Return all singular values of ``w``, descending, float64, shape (min(m, n),)."""
    w = w.astype(np.float64, copy=False)
    try:
        return np.linalg.svd(w, compute_uv=False)
    except np.linalg.LinAlgError:
        return _gesvd(w)[1]


def svd_factors(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the thin factors U (m, p), s (p,), Vh (p, n) in float64, p = min(m, n)."""
    w = w.astype(np.float64, copy=False)
    try:
        return np.linalg.svd(w, full_matrices=False)
    except np.linalg.LinAlgError:
        return _gesvd(w)


def _gesvd(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fall back on QR iteration, which converges where divide and conquer (gesdd) may not."""
    from scipy.linalg import svd

    return svd(w, full_matrices=False, lapack_driver="gesvd")
