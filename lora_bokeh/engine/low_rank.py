"""A LoRA pair as a matrix that is never multiplied out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lora_bokeh.engine.arrays import as_array
from lora_bokeh.engine.matrix import compute_dtype, refuse_dtype
from lora_bokeh.engine.thin_qr import thin_qr


def _check_factor(name: str, factor: np.ndarray) -> None:
    if factor.ndim != 2 or factor.size == 0:
        raise ValueError(f"{name} must be a non-empty 2-D array, got shape {factor.shape}")
    refuse_dtype(factor.dtype, name)
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
        A factor does not hold real numbers of at most 64 bits, some are masked, or ``scale`` is no
        number.
    """

    B: np.ndarray
    A: np.ndarray
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("B", "A"):
            factor = as_array(getattr(self, name), name)
            _check_factor(name, factor)
            object.__setattr__(self, name, factor)
        if self.B.shape[1] != self.A.shape[0]:
            raise ValueError(
                f"B has {self.B.shape[1]} columns and A has {self.A.shape[0]} rows; "
                "they must be equal, the rank of the adapter"
            )
        object.__setattr__(self, "scale", _checked_scale(self.scale))

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
        try:
            return np.promote_types(self.B.dtype, self.A.dtype)
        except TypeError:  # neither of two short formats holds the other
            return np.dtype(max(map(compute_dtype, (self.B.dtype, self.A.dtype)), key=np.dtype))

    @property
    def frobenius_norm(self) -> float:
        """‖scale · B·A‖_F = ‖R_B·R_Aᵀ‖_F in float64, see :attr:`triangles`; inf if it overflows.

        The Gram form Σ (BᵀB)∘(AAᵀ) is the same number, but cancels when the product is small.
        """
        R_B, R_A, exponent = self.triangles
        with np.errstate(over="ignore"):
            return float(np.ldexp(np.linalg.norm(R_B @ R_A.T), exponent))

    @cached_property
    def triangles(self) -> tuple[np.ndarray, np.ndarray, int]:
        """R_B, R_A, e of scale · B·A = Q_B·(R_B·R_Aᵀ·2^e)·Q_Aᵀ, by thin QR of B and Aᵀ.

        Both are float64 with entries near 1; R_B carries the scale, sign included.
        """
        B, A, exponent = self.unit_factors()
        return thin_qr(B)[1], thin_qr(A.T)[1], exponent

    @property
    def rounding(self) -> float:
        """Bound on ‖fl(scale · B·A) − scale · B·A‖_F, formed in float64: r·eps·‖B‖_F·‖A‖_F.

        Each entry is a sum of r products (Higham 2002, *Accuracy and Stability*, section 3.5).
        """
        B, A, exponent = self.unit_factors()
        norms = np.linalg.norm(B) * np.linalg.norm(A)
        return float(np.ldexp((self.rank + 2) * np.finfo(np.float64).eps * norms, exponent))

    def unit_factors(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Return B′, A′, e with scale · B·A = B′·A′·2^e: float64, largest entries near 1.

        B′ carries the scale, sign included; so nothing over- or underflows that need not.
        """
        B, p = _unit_scaled(self.B)
        A, q = _unit_scaled(self.A)
        mantissa, e = np.frexp(self.scale)
        return B * mantissa, A, p + q + int(e)

    def todense(self, dtype: type[np.floating] | None = None) -> np.ndarray:
        """Form scale · B·A, shape (m, n), in float64, and round it once.

        Parameters
        ----------
        dtype : type, optional
            Default: float64 for factors of float64 or of integers of 32 bits and more, else
            float32.
        """
        B, A, exponent = self.unit_factors()
        product = np.ldexp(B @ A, exponent)
        return product.astype(compute_dtype(self.dtype) if dtype is None else dtype, copy=False)


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


def _checked_scale(scale: Any) -> float:
    """Return the scale as a float, or raise TypeError or ValueError in one sentence."""
    if isinstance(scale, bool | np.bool_ | str):
        raise TypeError(f"scale must be a number, got {scale!r}")
    try:
        number = float(scale)
    except (TypeError, ValueError):
        raise TypeError(f"scale must be a number, got {scale!r}") from None
    if not np.isfinite(number):
        raise ValueError(f"scale must be a finite number, got {scale}")
    return number


def _unit_scaled(a: np.ndarray) -> tuple[np.ndarray, int]:
    """Return (a·2^-e in float64, e) with largest magnitude in [½, 1), so that squares are safe."""
    a = a.astype(np.float64)
    e = int(np.frexp(np.abs(a).max())[1])
    return np.ldexp(a, -e), e
