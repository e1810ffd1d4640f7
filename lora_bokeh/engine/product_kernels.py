"""Compiled products of a matrix with a few vectors, at the speed of the memory.

M (m, n) is read row by row, vectors are rows too. Four rows meet four vectors at a time: sixteen
sums stay in registers, and each entry read is used four times. BLAS first copies M into panels,
which pays for many vectors only: with eight it was measured half as fast, and reading M once for
both products halves the time again. The rows to come are fetched while those at hand are added up,
which took off another sixth. ``reassoc`` lets the compiler sum with vector instructions, in an
order that is always the same on one machine.
"""

import numpy as np
from numba import njit

from lora_bokeh.engine.fetch import STRIP, fetch

TILE = 4  # rows, and vectors, that meet at a time
NONE, ONE = np.uintp(0), np.uintp(1)  # unsigned: numba lets a signed index count from the end
FAST = {"reassoc", "contract", "nsz"}


@njit(nogil=True, cache=True, fastmath=FAST)
def dots(M: np.ndarray, i: int, X: np.ndarray, v: int, Y: np.ndarray) -> None:
    """Write the products of rows i … i + 3 of M with vectors v … v + 3 of X to Y (4, b)."""
    m0, m1, m2, m3 = M[i], M[i + 1], M[i + 2], M[i + 3]
    x0, x1, x2, x3 = X[v], X[v + 1], X[v + 2], X[v + 3]
    y00 = y01 = y02 = y03 = y10 = y11 = y12 = y13 = M.dtype.type(0)
    y20 = y21 = y22 = y23 = y30 = y31 = y32 = y33 = M.dtype.type(0)
    for j in range(M.shape[1]):
        p0, p1, p2, p3 = m0[j], m1[j], m2[j], m3[j]
        q0, q1, q2, q3 = x0[j], x1[j], x2[j], x3[j]
        y00, y01, y02, y03 = y00 + p0 * q0, y01 + p0 * q1, y02 + p0 * q2, y03 + p0 * q3
        y10, y11, y12, y13 = y10 + p1 * q0, y11 + p1 * q1, y12 + p1 * q2, y13 + p1 * q3
        y20, y21, y22, y23 = y20 + p2 * q0, y21 + p2 * q1, y22 + p2 * q2, y23 + p2 * q3
        y30, y31, y32, y33 = y30 + p3 * q0, y31 + p3 * q1, y32 + p3 * q2, y33 + p3 * q3
    Y[0, v], Y[0, v + 1], Y[0, v + 2], Y[0, v + 3] = y00, y01, y02, y03
    Y[1, v], Y[1, v + 1], Y[1, v + 2], Y[1, v + 3] = y10, y11, y12, y13
    Y[2, v], Y[2, v + 1], Y[2, v + 2], Y[2, v + 3] = y20, y21, y22, y23
    Y[3, v], Y[3, v + 1], Y[3, v + 2], Y[3, v + 3] = y30, y31, y32, y33


@njit(nogil=True, cache=True, fastmath=FAST, forceinline=True)
def _adds(  # noqa: PLR0913, PLR0917 - numba has no arguments by keyword
    M: np.ndarray,
    i: int,
    Y: np.ndarray,
    v: int,
    Z: np.ndarray,
    ahead: int,
    first: int,
    end: int,
    strip: int,
) -> None:
    """Do :func:`adds` for vectors v … v + 3 and columns first … end - 1.

    ``strip`` columns at a time, a constant for the compiler: else it would look in every strip anew
    whether rows overlap. Meanwhile rows ``ahead`` and ``ahead + 1`` are asked for.
    """
    m0, m1, m2, m3 = M[i], M[i + 1], M[i + 2], M[i + 3]
    z0, z1, z2, z3 = Z[v], Z[v + 1], Z[v + 2], Z[v + 3]
    y00, y01, y02, y03 = Y[0, v], Y[0, v + 1], Y[0, v + 2], Y[0, v + 3]
    y10, y11, y12, y13 = Y[1, v], Y[1, v + 1], Y[1, v + 2], Y[1, v + 3]
    y20, y21, y22, y23 = Y[2, v], Y[2, v + 1], Y[2, v + 2], Y[2, v + 3]
    y30, y31, y32, y33 = Y[3, v], Y[3, v + 1], Y[3, v + 2], Y[3, v + 3]
    for start in range(first, end, strip):
        if strip == STRIP:
            fetch(M[ahead], start)
            fetch(M[ahead + 1], start)
        for k in range(strip):
            j = start + k
            p0, p1, p2, p3 = m0[j], m1[j], m2[j], m3[j]
            s0, s1, s2, s3 = z0[j], z1[j], z2[j], z3[j]
            s0 += p0 * y00 + p1 * y10 + p2 * y20 + p3 * y30
            s1 += p0 * y01 + p1 * y11 + p2 * y21 + p3 * y31
            s2 += p0 * y02 + p1 * y12 + p2 * y22 + p3 * y32
            s3 += p0 * y03 + p1 * y13 + p2 * y23 + p3 * y33
            z0[j], z1[j], z2[j], z3[j] = s0, s1, s2, s3


@njit(nogil=True, cache=True)
def adds(M: np.ndarray, i: int, Y: np.ndarray, Z: np.ndarray) -> None:
    """Add rows i … i + 3 of M, times their coefficients Y (4, b), to Z (b, ≥ n)."""
    n = np.uintp(M.shape[1])
    whole = n - n % STRIP
    following = min(i + TILE, M.shape[0] - TILE)
    for v in range(0, Y.shape[1], TILE):
        ahead = following + v // 2 % TILE  # two of the next rows at each of two turns
        _adds(M, i, Y, v, Z, ahead, NONE, whole, STRIP)
        _adds(M, i, Y, v, Z, ahead, whole, n, ONE)


@njit(nogil=True, cache=True)
def across(M: np.ndarray, X: np.ndarray, Y: np.ndarray) -> None:
    """Write M·Xᵀ to Y (m, b). M (m ≥ 4, n), X (b, n) with b a multiple of 4, all C-contiguous."""
    last = M.shape[0] - TILE
    for start in range(0, M.shape[0], TILE):
        i = min(start, last)  # the last tile may cover some rows a second time
        for v in range(0, X.shape[0], TILE):
            dots(M, i, X, v, Y[i:])


@njit(nogil=True, cache=True)
def down(M: np.ndarray, Y: np.ndarray, Z: np.ndarray) -> None:
    """Add Yᵀ·M to Z (b, ≥ n), for Y (m, b), as in :func:`across`."""
    last = M.shape[0] - TILE
    for start in range(0, M.shape[0], TILE):
        i = min(start, last)
        coefficients = Y[i : i + TILE].copy()
        coefficients[: start - i] = 0  # of the rows that were added before
        adds(M, i, coefficients, Z)


@njit(nogil=True, cache=True)
def gram(M: np.ndarray, X: np.ndarray, Y: np.ndarray, Z: np.ndarray) -> None:
    """Write M·Xᵀ to Y and add X·Mᵀ·M to Z, reading M once; shapes as in :func:`down`."""
    last = M.shape[0] - TILE
    for start in range(0, M.shape[0], TILE):
        i = min(start, last)
        for v in range(0, X.shape[0], TILE):
            dots(M, i, X, v, Y[i:])
        coefficients = Y[i : i + TILE].copy()
        coefficients[: start - i] = 0
        adds(M, i, coefficients, Z)
