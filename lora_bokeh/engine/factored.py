"""The SVD of an adapter pair scale · B·A from its factors; the product is never formed.

With thin QR factorisations B = Q_B·R_B and Aᵀ = Q_A·R_A, the singular values of B·A are those of
the small R_B·R_Aᵀ, and its vectors are Q_B and Q_A times the small ones.
"""

from __future__ import annotations

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.thin_qr import thin_qr

ERROR_FACTOR = 8.0  # the bound is this · √max(m, n) · eps · ‖B‖_F·‖A‖_F


class FactoredSVD:
    """The engine for a :class:`LowRank`; see :mod:`lora_bokeh.engine.steps`.

    Past the inner dimension the values are exactly zero, up to min(m, n).
    """

    method = "qr"
    n_sweeps = 0

    def __init__(self, pair: LowRank) -> None:
        self._pair = pair
        self.values = self.bounds = np.zeros(0)
        self.converged = 0

    def advance(self, _k: int) -> None:
        """Compute everything: the small core costs next to nothing."""
        R_B, R_A, exponent = self._pair.triangles
        small = np.linalg.svd(R_B @ R_A.T, compute_uv=False)
        values = np.zeros(min(self._pair.shape))
        values[: len(small)] = np.ldexp(small, exponent)
        rounding = np.finfo(np.float64).eps * np.linalg.norm(R_B) * np.linalg.norm(R_A)
        bound = np.ldexp(ERROR_FACTOR * max(self._pair.shape) ** 0.5 * rounding, exponent)
        self.values, self.bounds = values, np.full(len(values), bound)
        self.converged = len(values)

    def factors(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return U (m, k) and Vh (k, n); where the value is 0, any orthonormal completion."""
        B, A, _ = self._pair.unit_factors()
        Q_B, R_B = thin_qr(B)
        Q_A, R_A = thin_qr(A.T)
        P, _, Qh = np.linalg.svd(R_B @ R_A.T, full_matrices=False)
        return _complete(Q_B @ P, k), _complete(Q_A @ Qh.T, k).T

    def tail_norm(self, k: int, norm: float) -> float:
        """Return ‖W − W_k‖_F = √Σ_{j>k} σ_j², safe against over- and underflow."""
        return norm * float(np.linalg.norm(self.values[k:] / norm)) if norm > 0 else 0.0


def _complete(X: np.ndarray, k: int) -> np.ndarray:
    """Return k orthonormal columns: those of X, and past them any orthogonal to X."""
    j = X.shape[1]
    if k <= j:
        return X[:, :k]
    more = np.random.default_rng(0).standard_normal((len(X), k - j))
    return np.hstack([X, np.linalg.qr(np.hstack([X, more]))[0][:, j:]])
