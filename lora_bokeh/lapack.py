"""The full SVD by LAPACK: the engine for small matrices, and for spectra too flat to iterate on.

It runs in float64 whatever the input: NumPy does so for float32 too, at the same price.
"""

from __future__ import annotations

import numpy as np

ERROR_FACTOR = 8.0  # LAPACK's backward error is a modest multiple of eps·σ₁; checked in the tests


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


def error_bound(s: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return LAPACK's error bound for each of the values ``s``: factor · √max(m, n) · eps · σ₁."""
    bound = ERROR_FACTOR * max(shape) ** 0.5 * np.finfo(np.float64).eps * s[0]
    return np.full(len(s), bound)
