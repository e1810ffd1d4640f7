"""LoRA's arithmetic: what the factors of ΔW = scale · B·A cost, and the pair itself.

LoRA (Hu et al. 2021, https://arxiv.org/abs/2106.09685) replaces an update ΔW of shape (d, k),
with d·k free entries, by two factors B of shape (d, r) and A of shape (r, k), with r·(d + k).
"""

from __future__ import annotations


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
