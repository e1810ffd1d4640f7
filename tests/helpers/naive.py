"""Slow, readable twins of the engine. They share no code with the package."""

import numpy as np


def truncated_svd(W, k, n_iter=5000):
    """Textbook power iteration with deflation: one direction at a time, then take it out of W."""
    W = np.array(W, dtype=np.float64)
    rng = np.random.default_rng(0)
    U, s, Vh = [], [], []
    for _ in range(k):
        v = rng.standard_normal(W.shape[1])
        for _ in range(n_iter):
            v = W.T @ (W @ v)
            v /= np.linalg.norm(v)
        sigma = np.linalg.norm(W @ v)
        u = W @ v / sigma
        W -= sigma * np.outer(u, v)
        U.append(u)
        s.append(sigma)
        Vh.append(v)
    return np.array(U).T, np.array(s), np.array(Vh)


def approximation(W, r):
    """The best rank-r approximation, written out entry by entry of the sum Σ σ_j u_j v_jᵀ."""
    W = np.asarray(W, dtype=np.float64)
    U, s, Vh = np.linalg.svd(W, full_matrices=False)
    W_r = np.zeros_like(W)
    for j in range(r):
        W_r += s[j] * np.outer(U[:, j], Vh[j])
    return W_r


def frobenius_residual(W, r):
    return np.sqrt(np.sum((np.asarray(W, dtype=np.float64) - approximation(W, r)) ** 2))


def spectral_residual(W, r):
    return np.linalg.norm(np.asarray(W, dtype=np.float64) - approximation(W, r), 2)


def captured_energy(W, r):
    return np.sum(approximation(W, r) ** 2) / np.sum(np.asarray(W, dtype=np.float64) ** 2)


def singular_values(W):
    """LAPACK in float64: the oracle."""
    return np.linalg.svd(np.asarray(W).astype(np.float64), compute_uv=False)


def orthonormal_rows(Y):
    """Classical Gram–Schmidt, one row at a time, twice; returns the rows and L with Y = L·rows."""
    rows, L = [], np.zeros((len(Y), len(Y)))
    for i, y in enumerate(np.asarray(Y, dtype=np.float64)):
        rest = y.copy()
        for _ in range(2):
            for q in rows:
                rest = rest - (rest @ q) * q
        q = rest / np.sqrt(rest @ rest)
        rows.append(q)
        L[i, : i + 1] = [y @ q for q in rows]
    return np.array(rows), L


def train(W, rank, steps, rate, adam=True, scale=1.0, seed=0):
    """Gradient descent on B and A, every formula written out; returns the loss of each step."""
    W = np.asarray(W, dtype=np.float64)
    m, n = W.shape
    A = np.random.default_rng(seed).uniform(-1, 1, (rank, n)) / np.sqrt(n)
    factors = [np.zeros((m, rank)), A]
    moments = [[np.zeros_like(F), np.zeros_like(F)] for F in factors]
    losses = []
    for t in range(1, steps + 2):
        B, A = factors
        R = scale * B @ A - W
        losses.append(np.mean(R**2))
        gradients = [2 * scale / (m * n) * R @ A.T, 2 * scale / (m * n) * B.T @ R]
        for i, g in enumerate(gradients):
            if not adam:
                factors[i] = factors[i] - rate * g
                continue
            first, second = moments[i]
            first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
            moments[i] = [first, second]
            unbiased = first / (1 - 0.9**t), second / (1 - 0.999**t)
            factors[i] = factors[i] - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    return np.array(losses)
