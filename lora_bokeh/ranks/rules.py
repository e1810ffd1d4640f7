"""Every rule by which people choose a rank, side by side, as functions of the spectrum.

The same number means different things to different tools: kohya's ``sv_fro 0.9`` keeps 81 % of the
energy, PEFT's 0.9 keeps 90 %. Here each rule has its formula and its source. σ₁ ≥ σ₂ ≥ … are all
p = min(m, n) singular values, and k the rank. A rule that needs more values than were computed
gives bounds (see :mod:`lora_bokeh.ranks.bounds`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.lora import break_even_rank
from lora_bokeh.ranks import noise
from lora_bokeh.ranks.bounds import count_above, extremes, largest_median
from lora_bokeh.ranks.rule import (
    ABSOLUTE,
    RATIO,
    RULES,
    SHARE,
    Rule,
    RuleResult,
    known_between,
    rule,
)

__all__ = ["RULES", "Rule", "RuleResult"]

TIE = 1e-12  # of a sum: one this near its threshold has reached it, for sums are no more exact
THRESHOLD_TIE = 4 * np.finfo(float).eps  # 1 − t is no more exact
SMALLEST_KOHYA = 1e-6  # a σ₁ up to this is nothing to kohya, and gets rank 1


@rule("captured energy", "least k: Σ_{j≤k} σ_j² ≥ t·Σσ²", "PEFT", default=0.95, bounds=SHARE)
def energy(spectrum: Spectrum, threshold: float) -> RuleResult:
    """Least k with Σ_{j≤k} σ_j² ≥ t·Σ σ_j².

    PEFT's rank between 0 and 1: huggingface/peft ``tuners/lora/conversion.py``.
    """
    return _between(spectrum, lambda s: _reaching(_unit(s) ** 2, threshold))


@rule("Frobenius share", "least k: Σ_{j≤k} σ_j² ≥ t²·Σσ²", "kohya", default=0.9, bounds=SHARE)
def sv_fro(spectrum: Spectrum, threshold: float) -> RuleResult:
    """Least k with √(Σ_{j≤k} σ_j²) ≥ t·‖W‖_F: the energy rule at t².

    kohya-ss/sd-scripts ``networks/resize_lora.py``, ``index_sv_fro``.
    """
    return _or_one(spectrum, energy(spectrum, threshold**2))


@rule("nuclear share", "least k: Σ_{j≤k} σ_j ≥ t·Σσ", "kohya", default=0.9, bounds=SHARE)
def sv_cumulative(spectrum: Spectrum, threshold: float) -> RuleResult:
    """Least k with Σ_{j≤k} σ_j ≥ t·Σ σ_j: a share of the nuclear norm.

    kohya-ss/sd-scripts ``networks/resize_lora.py``, ``index_sv_cumulative``.
    """
    result = _between(spectrum, lambda s: _reaching(_unit(s), threshold))
    return _or_one(spectrum, result)


@rule("ratio to the largest", "#{σ > σ₁/t}", "kohya", default=10.0, bounds=RATIO)
def sv_ratio(spectrum: Spectrum, threshold: float) -> RuleResult:
    """Count of σ_j > σ₁/t, at least 1.

    kohya-ss/sd-scripts ``networks/resize_lora.py``, ``index_sv_ratio``; LyCORIS's ratio is 1/t.
    """
    if not len(spectrum.s):
        return known_between(spectrum, 1, min(spectrum.shape))
    least, most = count_above(spectrum, float(spectrum.s[0]) / threshold)
    return _or_one(spectrum, known_between(spectrum, max(1, least), max(1, most)))


@rule("absolute cut", "#{σ > t}", "mergekit, LyCORIS", default=0.01, bounds=ABSOLUTE)
def epsilon(spectrum: Spectrum, threshold: float) -> RuleResult:
    """Count of σ_j > ε, an absolute number.

    arcee-ai/mergekit ``scripts/extract_lora.py`` (``--sv-epsilon``); KohakuBlueleaf/LyCORIS
    ``utils/__init__.py``, mode "threshold".
    """
    return known_between(spectrum, *count_above(spectrum, threshold))


@rule("nuclear quantile", "#{k: Σ_{j≤k} σ_j < t·Σσ}", "LyCORIS", default=0.9, bounds=SHARE)
def quantile(spectrum: Spectrum, threshold: float) -> RuleResult:
    """Count of k with Σ_{j≤k} σ_j < p·Σ σ_j, at least 1: one less than the cumulative rule.

    KohakuBlueleaf/LyCORIS ``utils/__init__.py``, mode "quantile".
    """
    return _between(spectrum, lambda s: max(1, _reaching(_unit(s), threshold) - 1))


@rule("above the noise edge", "#{σ > √v·(√m+√n)}", "Marchenko–Pastur")
def noise_edge(spectrum: Spectrum, _threshold: float) -> RuleResult:
    """Least k with σ_{k+1} ≤ √v·(√m + √n), where noise of the variance v of the rest would end.

    v = ‖W − W_k‖_F²/((m−k)(n−k)), from all that the first k values leave; so it needs no more
    values than it counts. The edge is that of Marchenko and Pastur 1967.
    """
    m, n = spectrum.shape
    known = np.arange(min(len(spectrum.s), min(m, n) - 1) + 1)
    variance = spectrum.frobenius_residual(known) ** 2 / ((m - known) * (n - known))
    edges = variance**0.5 * (m**0.5 + n**0.5)
    below = np.flatnonzero(spectrum.spectral_residual(known) <= edges)
    if not len(below):
        return known_between(spectrum, len(known) - 1, min(m, n))
    rank = int(below[0])
    why = f"edge {edges[rank]:.4g}" if edges[rank] > 0 else "no noise: nothing is left after these"
    return RuleResult(rank, rank, rank, True, why)


@rule("optimal noise cut", "#{σ > ω(m/n)·median σ}", "Gavish–Donoho")
def gavish_donoho(spectrum: Spectrum, _threshold: float) -> RuleResult:
    """Count of σ_j > ω(m/n)·median(σ), the cut that recovers a signal from noise best.

    Least mean squared error in the limit of large matrices; ω(1) = 2.858. Gavish and Donoho 2014,
    https://arxiv.org/abs/1305.5870.
    """
    cut = noise.threshold_over_median(spectrum.shape) * largest_median(spectrum)
    half = min(spectrum.shape) // 2
    if len(spectrum.s) <= half and not spectrum.exact_tail:
        return known_between(spectrum, int((spectrum.s > cut).sum()), half)
    result = known_between(spectrum, *count_above(spectrum, cut))
    why = f"cut {cut:.4g}" if cut > 0 else "no noise: half of the singular values are zero"
    return result._replace(why=result.why or why)


@rule("above the rounding floor", "#{σ > t}, t the edge", "ulp/√12", bounds=ABSOLUTE, by_floor=True)
def rounding_floor(spectrum: Spectrum, threshold: float) -> RuleResult:
    """Count of σ_j above the edge of the rounding noise of storage, √v·(√m + √n).

    Of a difference of checkpoints only; v from the spacing of the stored numbers, see
    :mod:`lora_bokeh.engine.rounding`.
    """
    result = epsilon(spectrum, threshold)
    return result._replace(why=result.why or f"edge {threshold:.4g}")


@rule("stable rank", "⌈‖W‖_F²/σ₁²⌉", "Rudelson–Vershynin")
def stable_rank(spectrum: Spectrum, _threshold: float = math.nan) -> RuleResult:
    """‖W‖_F²/σ₁², rounded up.

    Rudelson and Vershynin 2007, https://arxiv.org/abs/math/0503442; WeightWatcher's
    ``stable_rank``.
    """
    if not len(spectrum.s):
        return known_between(spectrum, 1, min(spectrum.shape))
    top = float(spectrum.s[0])
    return _measured((spectrum.frobenius_norm / top) ** 2 if top > 0 else 0.0)


@rule("entropy effective rank", "⌈exp(−Σ p ln p)⌉, p = σ/Σσ", "Roy–Vetterli")
def entropy(spectrum: Spectrum, _threshold: float) -> RuleResult:
    """exp(−Σ p_j ln p_j) with p_j = σ_j/Σσ, rounded up: the effective rank.

    Roy and Vetterli 2007, *The effective rank*, EUSIPCO,
    https://www.eurasip.org/Proceedings/Eusipco/Eusipco2007/Papers/a5p-h05.pdf.
    """
    low, high = sorted(map(_effective_rank, extremes(spectrum)))
    if high - low <= TIE * high:
        return _measured(high)
    return known_between(spectrum, _measured(low).lower, _measured(high).upper)


@rule("break-even", "⌊mn/(m+n)⌋", "parameter count")
def break_even(spectrum: Spectrum, _threshold: float) -> RuleResult:
    """mn/(m + n), rounded down: up to there B and A have no more entries than the matrix.

    Arithmetic; W has m·n entries, B and A have r·(m + n).
    """
    value = break_even_rank(*spectrum.shape)
    rank = int(value)
    return RuleResult(rank, rank, rank, True, f"{value:.5g}", value)


def _between(spectrum: Spectrum, rank: Callable[[np.ndarray], int]) -> RuleResult:
    """Return what a rule gives on the two extreme completions of the spectrum."""
    return known_between(spectrum, *sorted(map(rank, extremes(spectrum))))


def _measured(value: float) -> RuleResult:
    rank = max(1, math.ceil(value - TIE * value))
    return RuleResult(rank, rank, rank, True, f"{value:.4g}", value)


def _or_one(spectrum: Spectrum, result: RuleResult) -> RuleResult:
    """Give rank 1 to what kohya's three rules take for zero."""
    nothing = len(spectrum.s) > 0 and spectrum.s[0] <= SMALLEST_KOHYA
    return RuleResult(1, 1, 1, True, "σ₁ ≤ 1e-6") if nothing else result


def _reaching(parts: np.ndarray, threshold: float) -> int:
    """Return the first rank at which what is left of Σ parts is at most 1 − t of it.

    What is left is summed from the smallest, so that nothing cancels: at t = 1 every part that is
    not zero counts, however small.
    """
    left = np.append(np.cumsum(parts[::-1])[::-1], 0.0)
    allowed = 1.0 - threshold
    slack = max(TIE * min(allowed, threshold), THRESHOLD_TIE) if allowed > 0 else 0.0
    return int(np.argmax(left[1:] <= (allowed + slack) * left[0])) + 1


def _effective_rank(s: np.ndarray) -> float:
    p = _unit(s)[s > 0]
    if not len(p):
        return 0.0
    p = p / p.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def _unit(s: np.ndarray) -> np.ndarray:
    """Return σ/σ₁, so that squares neither over- nor underflow."""
    return s / s[0] if s[0] > 0 else s
