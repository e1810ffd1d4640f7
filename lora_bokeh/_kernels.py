"""Compiled kernels of the block iteration: arrays in, arrays out, no checks, no randomness.

Blocks of vectors are stored as rows, so that a basis grows by appending and every slice of it is
contiguous, as BLAS (behind ``np.dot``) wants it. All kernels release the GIL.
"""

import numpy as np
from numba import njit

PIVOT_RATIO = 1e-10  # smallest sound pivot/diagonal: the second pass can still repair it
SHRINK = 0.25  # a unit row that loses more than ¾ of its square in the second pass was noise


@njit(nogil=True, cache=True)
def times(X: np.ndarray, M: np.ndarray) -> np.ndarray:
    """Return X·M, shape (b, n), for X (b, m) and M (m, n), both C-contiguous."""
    return np.dot(X, M)


@njit(nogil=True, cache=True)
def times_transposed(X: np.ndarray, M: np.ndarray) -> np.ndarray:
    """Return X·Mᵀ, shape (b, m), for X (b, n) and M (m, n), both C-contiguous.

    BLAS is asked for M·Xᵀ, which it does faster, and the small result is transposed.
    """
    return np.ascontiguousarray(np.dot(M, X.T).T)


@njit(nogil=True, cache=True)
def cholesky(G: np.ndarray, ratio: float) -> tuple[np.ndarray, bool]:
    """Return (L, sound): G = L·Lᵀ, lower; not sound if a pivot falls below ratio·G_ii."""
    b = G.shape[0]
    L = np.zeros((b, b))
    for i in range(b):
        for j in range(i):
            L[i, j] = (G[i, j] - np.dot(L[i, :j], L[j, :j])) / L[j, j]
        pivot = G[i, i] - np.dot(L[i, :i], L[i, :i])
        if not pivot > ratio * G[i, i]:
            return L, False
        L[i, i] = np.sqrt(pivot)
    return L, True


@njit(nogil=True, cache=True)
def invert_lower(L: np.ndarray) -> np.ndarray:
    """Return L⁻¹ by forward substitution."""
    b = L.shape[0]
    inverse = np.zeros((b, b))
    for j in range(b):
        inverse[j, j] = 1.0 / L[j, j]
        for i in range(j + 1, b):
            inverse[i, j] = -np.dot(L[i, j:i], inverse[j:i, j].copy()) / L[i, i]
    return inverse


@njit(nogil=True, cache=True)
def project_and_factor(
    Q: np.ndarray, Y: np.ndarray, ratio: float
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Take Q's part out of the rows of Y and make them orthonormal: Y = C·Q + L·Y_new.

    Parameters
    ----------
    Q : ndarray of shape (k, n)
        Orthonormal rows.
    Y : ndarray of shape (b, n)
        Modified in place; only projected when the result is not sound.
    ratio : float
        Smallest sound pivot, as a share of the squared length of its projected row.

    Returns
    -------
    C (b, k), L (b, b) float64, sound : bool
    """
    C = np.dot(Y, Q.T)
    Y -= np.dot(C, Q)
    wide = Y.astype(np.float64)  # b rows only: cheap, and Cholesky squares the condition number
    L, sound = cholesky(np.dot(wide, wide.T), ratio)
    if sound:
        Y[:, :] = np.dot(invert_lower(L), wide)
    return C.astype(np.float64), L, sound


@njit(nogil=True, cache=True)
def orthonormalize(Q: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Orthonormalise a block against a basis and within itself, twice: Y = C·Q + L·Y_new.

    Block classical Gram–Schmidt with reorthogonalisation and Cholesky QR (Barlow and Smoktunowicz
    2013, "BCGSI+"). Parameters and returns as in :func:`project_and_factor`; when not sound, Y is
    left in an unusable state.
    """
    C1, L1, sound = project_and_factor(Q, Y, PIVOT_RATIO)
    if not sound:
        return C1, L1, False
    C2, L2, sound = project_and_factor(Q, Y, 0.0)
    for i in range(len(L2)):
        sound &= L2[i, i] * L2[i, i] > SHRINK
    return C1 + np.dot(L1, C2), np.dot(L1, L2), sound


@njit(nogil=True, cache=True)
def norm(y: np.ndarray) -> float:
    """Return ‖y‖, summed in float64."""
    return np.sqrt(np.sum(y.astype(np.float64) ** 2))


@njit(nogil=True, cache=True)
def project_row(Q: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Take Q's part out of y, in place, twice; return the coefficients, shape (k,)."""
    c = np.dot(Q, y)
    y -= np.dot(c, Q)
    d = np.dot(Q, y)
    y -= np.dot(d, Q)
    return (c + d).astype(np.float64)


@njit(nogil=True, cache=True)
def orthonormalize_rows(
    Q: np.ndarray, k: int, Y: np.ndarray, spare: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Append the rows of Y to the basis Q[:k] one by one, a spare row where one adds nothing.

    The careful twin of :func:`orthonormalize` for blocks that (nearly) lie in the basis already,
    as they do when the matrix has no more directions to give.

    Parameters
    ----------
    Q : ndarray of shape (≥ k + b, n)
        Rows k … k + b − 1 are written.
    Y, spare : ndarray of shape (b, n)
        Rows to append, and random rows of unit size. Both modified in place.
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
        before = norm(y)
        coefficients[i, : k + i] = project_row(basis, y)
        length = norm(y)
        if length > eps * before:
            coefficients[i, k + i] = length
            y /= length
        else:
            y = spare[i]
        for _ in range(2):
            project_row(basis, y)
            y /= norm(y)
        Q[k + i] = y
    return coefficients[:, :k].copy(), coefficients[:, k:].copy()
