"""Leading singular triplets of the small projected matrix, by the cheaper of two LAPACK routes."""

from __future__ import annotations

import numpy as np

SVD_UP_TO = 96  # order up to which the plain SVD is as fast
SMALLEST_RATIO = {np.float32: 1e-4, np.float64: 1e-2}  # of values, by the digits wanted of them


def leading_triplets(
    B: np.ndarray, k: int, smallest_ratio: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (P, s, Q): the k leading triplets B ≈ P·diag(s)·Qᵀ, values descending.

    Parameters
    ----------
    B : ndarray of shape (K, n)
        The matrix, float64, n ≥ K.
    k : int
        How many triplets, at most K.
    smallest_ratio : float
        Smallest s_k/s_1 at which the eigenvectors of B·Bᵀ will do. They are cheaper, but resolve
        only eps·s_1²; below the ratio the SVD is taken.

    Returns
    -------
    P (K, k), s (k,), Q (n, k)
    """
    if B.size > SVD_UP_TO**2:
        P = np.linalg.eigh(B @ B.T)[1][:, : -k - 1 : -1]
        P = P / np.linalg.norm(P, axis=0)  # LAPACK leaves some eps, which would be in the values
        Qh = P.T @ B
        s = np.linalg.norm(Qh, axis=1)  # Rayleigh quotients: the vectors' error enters squared
        if s[-1] > smallest_ratio * s[0]:
            order = np.argsort(-s, kind="stable")
            return P[:, order], s[order], (Qh[order] / s[order, None]).T
    P, s, Qh = np.linalg.svd(B, full_matrices=False)
    return P[:, :k], s[:k], Qh[:k].T
