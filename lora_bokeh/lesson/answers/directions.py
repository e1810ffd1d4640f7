"""The acts about directions: spectra, residuals, and how many ranks are needed."""

from __future__ import annotations

from functools import cache

import numpy as np

from lora_bokeh import lora
from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.lesson.answers.facts import Facts, act, digits, percent, rank_for
from lora_bokeh.lesson.material import measured, published
from lora_bokeh.ranks.rules import RULES
from lora_bokeh.targets import flat, low_rank_plus_noise, with_singular_values

FOUR_VALUES = (6.0, 3.0, 2.0, 1.0)  # of the matrix in the act on residuals
NOISY = "noisy update"  # what the views call the matrix in the act on noise


@act("bound")
def bound() -> Facts:
    """Find the rank of B·A over random pairs."""
    rng = np.random.default_rng(0)
    trials, size, rank = 100, 6, 2
    pairs = [(rng.normal(size=(size, rank)), rng.normal(size=(rank, size))) for _ in range(trials)]
    answer = max(int(np.linalg.matrix_rank(B @ A)) for B, A in pairs)
    return Facts(
        answer,
        mistakes={"size": size, "sum": 2 * rank},
        words={"trials": str(trials), "answer": str(answer)},
    )


@act("residuals")
def residuals() -> Facts:
    """Both residuals of a matrix of known singular values at rank 2."""
    rank = 2
    s = np.array(FOUR_VALUES)
    what = spectrum(four_values())
    frobenius, spectral = what.frobenius_residual(rank), what.spectral_residual(rank)
    left = s[rank:]
    return Facts(
        {"frobenius": frobenius, "spectral": spectral},
        tolerance=0.01,
        mistakes={
            "frobenius_sum": ("frobenius", left.sum()),
            "frobenius_squares": ("frobenius", (left**2).sum()),
            "frobenius_kept": ("frobenius", np.linalg.norm(s[:rank])),
            "spectral_kept": ("spectral", s[rank - 1]),
            "spectral_last": ("spectral", s[-1]),
            "spectral_first": ("spectral", s[0]),
        },
        words={
            "values": ", ".join(digits(x) for x in s),
            "rank": str(rank),
            "left": " and ".join(digits(x) for x in left),
            "squares": " + ".join(f"{digits(x)}²" for x in left),
            "frobenius": digits(frobenius),
            "spectral": digits(spectral),
        },
    )


def four_values() -> np.ndarray:
    """Return the matrix whose residuals are asked for."""
    return with_singular_values(np.array(FOUR_VALUES), (4, 4), seed=6)


@act("flat")
def rotation() -> Facts:
    """Find the rank for 90 % of the energy where all singular values are equal."""
    what = spectrum(flat())
    n = len(what.s)
    answer = rank_for(0.9, what)
    return Facts(
        answer,
        mistakes={"few": 2},
        data={"energy": [0.0, *what.captured_energy()]},
        words={
            "n": str(n),
            "answer": str(answer),
            "energy_less": percent(what.captured_energy(answer - 1)),
            "break_even": digits(lora.break_even_rank(n, n)),
        },
    )


def noisy_update() -> np.ndarray:
    """Return the matrix whose directions are to be told from its noise."""
    return low_rank_plus_noise(rank=7, shape=(96, 64), seed=14)


@act("edge")
def edge() -> Facts:
    """Find how many directions stand out of the noise."""
    what = spectrum(noisy_update())
    result = RULES["noise_edge"](what, RULES["noise_edge"].default)
    m, n = what.shape
    return Facts(
        result.rank,
        data={"values": [float(x) for x in what.s], "target": NOISY},
        words={
            "m": str(m),
            "n": str(n),
            "edge": result.why.removeprefix("edge "),
            "answer": str(result.rank),
            "rank_95": str(rank_for(0.95, what)),
            "rank_99": str(rank_for(0.99, what)),
        },
    )


@cache
def needs() -> dict[int, list[int]]:
    """Return rank of an adapter → ranks that each of its pairs needs for 95 % of the energy."""
    values = measured()["singular_values"]
    return {int(rank): [_need(np.array(s)) for s in pairs] for rank, pairs in values.items()}


def _need(s: np.ndarray) -> int:
    return rank_for(0.95, spectrum(np.diag(s)))


@act("wasted")
def wasted() -> Facts:
    """Find how many ranks the SAM adapter of rank 16 needs on average."""
    few, many = needs()[4], needs()[16]
    mean = {4: float(np.mean(few)), 16: float(np.mean(many))}
    return Facts(
        mean[16],
        tolerance=1.0,
        mistakes={"all": 16, "proportional": round(4 * mean[4])},
        words={
            "pairs": str(len(many)),
            "mean_4": f"{mean[4]:.1f}",
            "mean_16": f"{mean[16]:.1f}",
            "most_16": str(max(many)),
        },
    )


@act("accuracy")
def accuracy() -> Facts:
    """Find what is left of the score where half of the energy is."""
    table = published()["conversion"]
    whole, half = table["whole"]["percent"], table["kept"][0]["percent"]
    fixed = {row["rank"]: row["percent"] for row in table["fixed"]}
    tolerance = 3.0
    return Facts(
        half,
        tolerance=tolerance,
        mistakes={"proportional": whole * table["kept"][0]["energy"], "whole": whole},
        words={
            "rank_whole": str(table["whole"]["rank"]),
            "whole": str(whole),
            "half": str(half),
            "kept_share": percent(half / whole),
            "tolerance": digits(tolerance),
            "table": "; ".join(
                f"{100 * row['energy']:.0f} % → {row['percent']} %" for row in table["kept"]
            ),
            "fixed_32": str(fixed[32]),
            "trained_32": str(table["trained"]["percent"]),
        },
    )
