"""How the factors B and A of an update begin: LoRA's start, at random, as the best fit, as given.

The page holds the same in ``js/merge/factors.mjs``, from the same draws, so that both name the same
numbers by a start and a seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lora_bokeh.engine.svd import SVDResult
from lora_bokeh.views.merge.draws import drawn_factors

STARTS = ("zero", "random", "best", "own")


def start(kind: str, seed: int = 1, scale: float = 1.0) -> dict[str, Any]:
    """Return the record of an adapter that begins in one of the ways of ``STARTS``.

    Parameters
    ----------
    kind : {"zero", "random", "best"}
        B = 0 and A drawn, as LoRA begins; both drawn; the best fit of a target.
    seed : int, default 1
        Seed of what is drawn.
    scale : float, default 1.0
        The scale that the best fit is made for: scale · B·A is the truncated SVD.
    """
    return {"start": kind, "seed": seed, "scale": scale, "B": None, "A": None}


def own(B: np.ndarray, A: np.ndarray, seed: int = 1) -> dict[str, Any]:
    """Return the record of an adapter with factors of one's own; entries row by row.

    ``base`` is the start that they were typed over in the page; LoRA's for those that were not.
    """
    entries = {name: M.astype(float).ravel().tolist() for name, M in (("B", B), ("A", A))}
    return {**start("own", seed), "base": "zero", **entries}


def factors_of(
    record: dict[str, Any], shape: tuple[int, int], rank: int, best: SVDResult | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return B (d, r) and A (r, k) of a record at a rank, float64.

    A rank past the factors that are held adds columns of zeros to B, which leave B·A as it is.

    Parameters
    ----------
    record : dict
        Made by :func:`start` or :func:`own`.
    shape : tuple of int
        Shape (d, k) of the update.
    rank : int
        The rank r.
    best : SVDResult, optional
        Singular triplets of the target; where there is none, the best fit is 0.
    """
    d, k = shape
    B, A = drawn_factors(record["seed"], shape, rank)
    if record["start"] == "random":
        return B, A
    B = np.zeros((d, rank))
    if record["start"] == "best" and best is not None:
        r = min(rank, len(best.s))
        root = np.sqrt(best.s[:r] / record["scale"])
        B[:, :r], A[:r] = best.U[:, :r] * root, root[:, None] * best.Vh[:r]
    elif record["start"] == "own":
        held = len(record["A"]) // k
        r = min(rank, held)
        B[:, :r] = np.reshape(record["B"], (d, held))[:, :r]
        A[:r] = np.reshape(record["A"], (held, k))[:r]
    return B, A
