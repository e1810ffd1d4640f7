"""LoRA's arithmetic: what the factors of ΔW = scale · B·A cost, and the pair itself.

LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685) replaces an update ΔW of shape (d, k),
with d·k free entries, by two factors B of shape (d, r) and A of shape (r, k), with r·(d + k).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lora_bokeh.thin_qr import thin_qr


def full_count(d: int, k: int) -> int:
    """Count the entries of a dense update ΔW of shape (d, k)."""
    return d * k


def parameter_count(d: int, k: int, r: int) -> int:
    """Count the entries of the factors B (d, r) and A (r, k)."""
    return r * (d + k)


def savings(d: int, k: int, r: int) -> float:
    """Return the fraction of entries saved, 1 − r(d + k)/(dk); negative past break-even."""
    return 1.0 - parameter_count(d, k, r) / full_count(d, k)


def break_even_rank(d: int, k: int) -> float:
    """Return dk/(d + k), the (real) rank at which the factors cost as much as ΔW itself."""
    return full_count(d, k) / (d + k)


def scale(alpha: float, rank: int, rslora: bool = False) -> float:
    """Return the factor before B·A.

    Parameters
    ----------
    alpha : float
        The adapter's ``lora_alpha``.
    rank : int
        The adapter's rank r ≥ 1.
    rslora : bool, default False
        Rank-stabilised LoRA (https://arxiv.org/abs/2312.03732): alpha/√r instead of alpha/r.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    return alpha / rank**0.5 if rslora else alpha / rank


def _check_factor(name: str, factor: np.ndarray) -> None:
    if factor.ndim != 2 or factor.size == 0:
        raise ValueError(f"{name} must be a non-empty 2-D array, got shape {factor.shape}")
    if factor.dtype.kind in "cOSUmM":
        raise TypeError(f"{name} must hold real numbers, got dtype {factor.dtype}")
    finite = np.isfinite(factor.astype(np.float64))
    if not finite.all():
        i, j = np.argwhere(~finite)[0]
        raise ValueError(
            f"{name}: entry (row {i}, column {j}) is {factor[i, j]}, counted from 0; "
            "every entry must be finite"
        )


@dataclass(frozen=True, eq=False)
class LowRank:
    """An update ΔW = scale · B·A kept as its factors; the product is never formed to analyse it.

    Parameters
    ----------
    B : ndarray of shape (m, r)
        The tall factor (``lora_B``, ``lora_up``).
    A : ndarray of shape (r, n)
        The wide factor (``lora_A``, ``lora_down``).
    scale : float, default 1.0
        The number before the product, see :func:`scale`.

    Raises
    ------
    ValueError
        A factor is empty, not 2-D or not finite, or the inner dimensions differ.
    TypeError
        A factor does not hold real numbers.
    """

    B: np.ndarray
    A: np.ndarray
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("B", "A"):
            factor = np.asarray(getattr(self, name))
            _check_factor(name, factor)
            object.__setattr__(self, name, factor)
        if self.B.shape[1] != self.A.shape[0]:
            raise ValueError(
                f"B has {self.B.shape[1]} columns and A has {self.A.shape[0]} rows; "
                "they must be equal, the rank of the adapter"
            )
        if not np.isfinite(self.scale):
            raise ValueError(f"scale must be a finite number, got {self.scale}")

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (m, n) of the product."""
        return self.B.shape[0], self.A.shape[1]

    @property
    def rank(self) -> int:
        """The inner dimension r: an upper bound of the product's rank."""
        return self.B.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The dtype in which the factors are stored."""
        return np.promote_types(self.B.dtype, self.A.dtype)

    @property
    def frobenius_norm(self) -> float:
        """‖scale · B·A‖_F = ‖R_B·R_Aᵀ‖_F in float64, see :attr:`triangles`.

        The Gram form Σ (BᵀB)∘(AAᵀ) is the same number, but cancels when the product is small.
        """
        R_B, R_A, exponent = self.triangles
        return float(np.ldexp(np.linalg.norm(R_B @ R_A.T), exponent))

    @cached_property
    def triangles(self) -> tuple[np.ndarray, np.ndarray, int]:
        """R_B, R_A, e of scale · B·A = Q_B·(R_B·R_Aᵀ·2^e)·Q_Aᵀ, by thin QR of B and Aᵀ.

        Both are float64 with entries near 1; R_B carries the scale, sign included.
        """
        B, p = _unit_scaled(self.B)
        A, q = _unit_scaled(self.A)
        mantissa, e = np.frexp(float(self.scale))
        return thin_qr(B)[1] * mantissa, thin_qr(A.T)[1], p + q + int(e)

    def todense(self) -> np.ndarray:
        """Form scale · B·A, shape (m, n): float64 for float64 factors, else float32."""
        dtype = np.float64 if self.dtype == np.float64 else np.float32
        return (self.B.astype(dtype) @ self.A.astype(dtype)) * dtype(self.scale)


def merged(W: np.ndarray, update: LowRank) -> np.ndarray:
    """Return W′ = W + scale · B·A, the weights into which an adapter is merged.

    Parameters
    ----------
    W : ndarray of shape (d, k)
        The frozen weights; they stay as they are.
    update : LowRank
        The adapter, of the same shape.

    Raises
    ------
    ValueError
        W and the update differ in shape.
    """
    if W.shape != update.shape:
        raise ValueError(f"W has shape {W.shape} and the update {update.shape}; they must be equal")
    return W + update.todense()


def forward(W: np.ndarray, update: LowRank, x: np.ndarray) -> np.ndarray:
    """Return h = W·x + scale · B·(A·x), the forward pass with the adapter kept apart.

    Equal to ``merged(W, update) @ x`` but for rounding (Hu et al. 2021, section 4.1).

    Parameters
    ----------
    W : ndarray of shape (d, k)
        The frozen weights.
    update : LowRank
        The adapter, of the same shape: r(d + k) multiply–adds beside the dk of W·x.
    x : ndarray of shape (k,) or (k, n)
        The input, or n of them as columns.
    """
    return W @ x + update.scale * (update.B @ (update.A @ x))


def _unit_scaled(a: np.ndarray) -> tuple[np.ndarray, int]:
    """Return (a·2^-e in float64, e) with largest magnitude in [½, 1), so that squares are safe."""
    a = a.astype(np.float64)
    e = int(np.frexp(np.abs(a).max())[1])
    return np.ldexp(a, -e), e
