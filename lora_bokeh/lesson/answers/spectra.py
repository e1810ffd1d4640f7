"""The four updates of the first act, of which one is a fine-tune: their spectra and their letters.

The order of the letters is drawn from a seed, so that an instructor can hand out another one.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_bokeh.engine.spectrum import Spectrum, spectrum
from lora_bokeh.lesson.answers.facts import Facts, percent
from lora_bokeh.lesson.material import published
from lora_bokeh.targets import flat, low_rank_plus_noise, power_law

SIZE = 48
ADAPTER_RANK = 4  # of the adapter asked for
LETTERS = "ABCD"


@cache
def families() -> dict[str, Spectrum]:
    """Return name → spectrum of each update, all of SIZE values."""
    matrices = {
        "narrow": low_rank_plus_noise(shape=(64, SIZE), noise=0.03),
        "weights": power_law(exponent=1.0, shape=(SIZE, SIZE)),
        "flat": flat(SIZE),
        "heavy": power_law(exponent=heavy_exponent(), shape=(SIZE, SIZE)),
    }
    return {name: spectrum(matrix) for name, matrix in matrices.items()}


def heavy_exponent() -> float:
    """Return p such that σ_j ∝ j^-p keeps as much of its norm as the published difference does."""
    report = published()["heavy"]
    share = report["ranks"] / report["width"]
    low, high = 0.0, 1.0  # what is kept grows with p
    for _ in range(50):
        middle = (low + high) / 2
        kept = _norm_kept(middle, share)
        low, high = (middle, high) if kept < report["norm"] else (low, middle)
    return low


def _norm_kept(exponent: float, share: float) -> float:
    s = np.arange(1, SIZE + 1) ** -exponent
    first = round(share * SIZE)
    return float(np.linalg.norm(s[:first]) / np.linalg.norm(s))


def letters(seed: int) -> dict[str, str]:
    """Return name → letter, shuffled."""
    order = np.random.default_rng(seed).permutation(len(LETTERS))
    return {name: LETTERS[i] for name, i in zip(families(), order, strict=True)}


def missing(what: Spectrum) -> np.ndarray:
    """Return ‖W − W_r‖_F/‖W‖_F for r = 0 … SIZE, shape (SIZE + 1,)."""
    ranks = np.arange(len(what.s) + 1)
    return what.frobenius_residual(ranks) / what.frobenius_norm


def fine_tune(seed: int) -> Facts:
    """Return which of the four an adapter of ADAPTER_RANK holds best."""
    energy = {name: what.captured_energy(ADAPTER_RANK) for name, what in families().items()}
    heavy, intrinsic = published()["heavy"], published()["intrinsic"]
    return Facts(
        max(energy, key=lambda name: energy[name]),
        words={
            **{f"letter_{name}": letter for name, letter in letters(seed).items()},
            **{f"energy_{name}": percent(share) for name, share in energy.items()},
            "n": str(SIZE),
            "intrinsic": str(intrinsic["parameters"]),
            "intrinsic_share": f"{intrinsic['share']:.0%}".replace("%", " %"),
            "heavy_ranks": str(heavy["ranks"]),
            "heavy_norm": f"about {heavy['norm']:.0%}".replace("%", " %"),
            "heavy_energy": f"{heavy['norm'] ** 2:.0%}".replace("%", " %"),
        },
    )
