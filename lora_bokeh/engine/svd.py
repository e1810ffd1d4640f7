"""truncated_svd: the leading singular triplets of a matrix, to LAPACK's digits.

W ≈ U · diag(s) · Vh with orthonormal columns of U and rows of Vh; by Eckart and Young (1936) no
matrix of rank k is nearer to W, in the Frobenius as in the spectral norm.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.engine.options import Method
from lora_bokeh.engine.steps import svd_steps


class SVDResult(NamedTuple):
    """Leading singular triplets and how they were found.

    Attributes
    ----------
    U : ndarray of shape (m, k)
        Left singular vectors; the largest entry of each, in magnitude, is positive.
    s : ndarray of shape (k,)
        Singular values, descending, float64.
    Vh : ndarray of shape (k, n)
        Right singular vectors, as rows.
    error_bound : ndarray of shape (k,)
        Bound on the error of each value, from its residual or from LAPACK's backward error.
    converged : bool
        Whether every bound is within the tolerance.
    n_sweeps : int
        Products with W and Wᵀ per block; 0 for LAPACK.
    complete : bool
        Whether k = min(m, n).
    method : str
        The engine that gave the values: "power", "lapack" or "qr" (factors of a LowRank).
    """

    U: np.ndarray
    s: np.ndarray
    Vh: np.ndarray
    error_bound: np.ndarray
    converged: bool
    n_sweeps: int
    complete: bool
    method: str


def truncated_svd(
    a: Any,
    rank: int | None = None,
    *,
    seed: int = 0,
    tol: float | None = None,
    method: Method = "auto",
) -> SVDResult:
    """Compute the ``rank`` leading singular triplets of a matrix.

    Parameters
    ----------
    a : array_like of shape (m, n) or LowRank
        Finite real numbers in any dtype, order or stride; a memory map is read in place.
    rank : int, optional
        How many triplets, in [1, min(m, n)]. Default: all when min(m, n) ≤ 1024, else 64.
    seed : int, default 0
        Seed of the start block of the power iteration. The same seed gives the same bits on one
        machine with the same libraries, whatever else is at work and however many cores are free.
        The last digits of the other engines depend on the number of threads of BLAS; values agree
        within ``error_bound``.
    tol : float, optional
        Error allowed in each value, relative to it. Default: 1e-12 in float64, 1e-6 in float32.
    method : {"auto", "power", "lapack"}, default "auto"
        Block power iteration, the full SVD, or whichever is the faster.

    Returns
    -------
    SVDResult
        ``U, s, Vh`` and the diagnosis.

    Raises
    ------
    TypeError, ValueError
        The matrix (see :func:`lora_bokeh.engine.matrix.check_matrix`), the rank or the method is
        refused.
    """
    steps = svd_steps(a, rank, seed=seed, tol=tol, method=method, vectors=True)
    for _ in steps:
        pass
    U, Vh = fix_signs(*steps.factors())
    complete = len(steps.values) == min(steps.shape)
    return SVDResult(
        U,
        steps.values,
        Vh,
        steps.error_bound,
        steps.converged,
        steps.n_sweeps,
        complete,
        steps.method,
    )


def fix_signs(U: np.ndarray, Vh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flip pairs of vectors so that the largest entry of each column of U is positive."""
    largest = np.abs(U).argmax(axis=0)
    signs = np.where(U[largest, np.arange(U.shape[1])] < 0, -1.0, 1.0).astype(U.dtype)
    return U * signs, Vh * signs[:, None]
