"""Compiled kernels of the block iteration: arrays in, arrays out, no checks, no randomness.

They are the loops that BLAS has no call for; the products are in ``_products``. All kernels release
the GIL. A block of vectors is stored as rows, so that a basis grows by appending and every slice of
it is contiguous.
"""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def cholesky(G: np.ndarray, ratio: float) -> tuple[np.ndarray, bool]:
    """Return (L, sound): G = L·Lᵀ, lower; not sound if a pivot falls below ratio·G_ii."""
    b = G.shape[0]
    L = np.zeros((b, b))
    for i in range(b):
        for j in range(i):
            L[i, j] = (G[i, j] - np.sum(L[i, :j] * L[j, :j])) / L[j, j]
        pivot = G[i, i] - np.sum(L[i, :i] ** 2)
        if not pivot > ratio * G[i, i]:
            return L, False
        L[i, i] = np.sqrt(pivot)
    return L, True


@njit(nogil=True, cache=True)
def solve_lower(L: np.ndarray, Y: np.ndarray) -> None:
    """Turn the rows of Y (b, n) into L⁻¹·Y, in place, by forward substitution.

    A product with the inverse would be off by the condition number of L.
    """
    b, n = Y.shape
    for i in range(b):
        for j in range(i):
            factor = L[i, j]
            for k in range(n):
                Y[i, k] -= factor * Y[j, k]
        inverse = 1.0 / L[i, i]
        for k in range(n):
            Y[i, k] *= inverse


@njit(nogil=True, cache=True)
def project_row(Q: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Take Q's part out of y (n,), in place, twice; return the coefficients (k,).

    Modified Gram–Schmidt: one basis vector after another.
    """
    c = np.zeros(len(Q))
    for _ in range(2):
        for k in range(len(Q)):
            d = np.sum(Q[k] * y)
            y -= d * Q[k]
            c[k] += d
    return c


@njit(nogil=True, cache=True)
def orthonormalize_rows(
    Q: np.ndarray, k: int, Y: np.ndarray, spare: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Append the rows of Y to the basis Q[:k] one by one, a spare row where one adds nothing.

    The careful twin of ``gram_schmidt.orthonormalize``, for blocks that (nearly) lie in the basis
    already, as they do when the matrix has no more directions to give.

    Parameters
    ----------
    Q : ndarray of shape (≥ k + b, n)
        Rows k … k + b − 1 are written.
    k : int
        Rows of the basis so far.
    Y, spare : ndarray of shape (b, n)
        Rows to append, and random rows of unit size, float64. Both modified in place.
    eps : float
        Share of a row's length up to which what is left of it counts as rounding error.

    Returns
    -------
    C (b, k), L (b, b) float64 with Y = C·Q[:k] + L·Q[k:k+b], L_ii = 0 for a replaced row.
    """
    b = Y.shape[0]
    coefficients = np.zeros((b, k + b))
    for i in range(b):
        basis = Q[: k + i]
        y = Y[i]
        before = np.sqrt(np.sum(y**2))
        coefficients[i, : k + i] = project_row(basis, y)
        length = np.sqrt(np.sum(y**2))
        adds = length > eps * before
        if adds:
            y /= length
            project_row(basis, y)
            adds = np.sum(y**2) > 0.25  # else it was rounding noise within the basis
        if adds:
            coefficients[i, k + i] = length
        else:
            y = spare[i]
        for _ in range(2):
            project_row(basis, y)
            y /= np.sqrt(np.sum(y**2))
        Q[k + i] = y
    return coefficients[:, :k].copy(), coefficients[:, k:].copy()


@njit(nogil=True, cache=True)
def look_up(table: np.ndarray, bits: np.ndarray, values: np.ndarray) -> None:
    """Write table[bits] to values (m, n), for unsigned bits (m, n)."""
    for i in range(bits.shape[0]):
        for j in range(bits.shape[1]):
            values[i, j] = table[bits[i, j]]
