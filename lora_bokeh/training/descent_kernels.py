"""Compiled gradient descent on the factors of s·B·A: arrays in, arrays out, no checks.

The loops suit small targets, of which a step costs less than a call of BLAS. The loss is
L = ‖W − s·BA‖_F²/(mn); with R = s·BA − W its gradients are ∂L/∂B = (2s/mn)·R·Aᵀ and
∂L/∂A = (2s/mn)·Bᵀ·R. All kernels release the GIL.

Factors and gradients are vectors of (m + n)·r numbers: B and then A, row by row. The state of a
descent has four of them: the factors, their gradient, and the two moments of Adam.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba 2015, their defaults


class Way(NamedTuple):
    """How to descend: s of s·B·A, learning rate, Adam or plain, and the loss to stop at."""

    scale: float
    rate: float
    adam: bool
    ceiling: float


@njit(nogil=True, cache=True)
def split(vector: np.ndarray, m: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return views (m, r) and (r, n) of a vector of (m + n)·r numbers."""
    r = len(vector) // (m + n)
    return vector[: m * r].reshape(m, r), vector[m * r :].reshape(r, n)


@njit(nogil=True, cache=True, fastmath={"reassoc"})  # so that sums over a row use vector registers
def gradient(W: np.ndarray, factors: np.ndarray, s: float, g: np.ndarray) -> float:
    """Return the loss for W (m, n) and write its gradient to g."""
    m, n = W.shape
    B, A = split(factors, m, n)
    G_B, G_A = split(g, m, n)
    c = 2.0 * s / (m * n)
    row = np.empty(n)  # of R
    loss = 0.0
    G_A[:] = 0.0
    for i in range(m):
        for j in range(n):
            row[j] = -W[i, j]
        for q in range(len(A)):
            b = s * B[i, q]
            for j in range(n):
                row[j] += b * A[q, j]
        for j in range(n):
            loss += row[j] * row[j]
        for q in range(len(A)):
            b = c * B[i, q]
            total = 0.0
            for j in range(n):
                total += row[j] * A[q, j]
                G_A[q, j] += b * row[j]
            G_B[i, q] = c * total
    return loss / (m * n)


@njit(nogil=True, cache=True)
def update(state: np.ndarray, rate: float, adam: bool, step: int) -> None:
    """Move the factors by one step, the first of which is 1; state modified in place.

    Plain descent θ ← θ − rate·g, or Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980).
    """
    theta, g, first, second = state
    if not adam:
        for i in range(len(theta)):
            theta[i] -= rate * g[i]
        return
    unbiased_rate = rate / (1.0 - BETA_1**step)
    unbias = 1.0 / np.sqrt(1.0 - BETA_2**step)
    for i in range(len(theta)):
        first[i] = BETA_1 * first[i] + (1.0 - BETA_1) * g[i]
        second[i] = BETA_2 * second[i] + (1.0 - BETA_2) * g[i] ** 2
        theta[i] -= unbiased_rate * first[i] / (np.sqrt(second[i]) * unbias + EPSILON)


@njit(nogil=True, cache=True)
def descend(W: np.ndarray, state: np.ndarray, way: Way, done: int, loss: np.ndarray) -> int:
    """Take len(loss) steps after the ``done`` taken before; write the loss after each.

    Returns how many were taken: fewer where a loss exceeds the ceiling or is no number, the last.
    """
    for t in range(len(loss)):
        update(state, way.rate, way.adam, done + t + 1)
        loss[t] = gradient(W, state[0], way.scale, state[1])
        if not loss[t] <= way.ceiling:
            return t + 1
    return len(loss)
