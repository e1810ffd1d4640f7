"""What every rank rule says of a spectrum, at the stops of one threshold, for the page's table."""

from __future__ import annotations

from typing import Any

from lora_bokeh.engine.rounding import RoundingError
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.ranks.rule import RATIO, SHARE, Rule
from lora_bokeh.ranks.rules import RULES

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
# The table's t is a share; a ratio rule's own threshold is then 1/(1 − t), 10 for 0.9.
RATIO_FORMULA = "#{σ > (1 − t)·σ₁}"


def page_rules() -> list[dict[str, str]]:
    """Return the rules that the page may list, in order; it lists those that have an answer."""
    return [
        {
            "name": rule.name,
            "title": rule.title,
            "formula": RATIO_FORMULA if rule.bounds == RATIO else _formula(rule),
            "source": rule.source,
        }
        for rule in RULES.values()
    ]


def _formula(rule: Rule) -> str:
    own = rule.default is not None and rule.bounds != SHARE
    return f"{rule.formula}, t = {rule.default:g}" if own else rule.formula


def answers(spectrum: Spectrum, floor: RoundingError | None = None) -> dict[str, list[list[int]]]:
    """Return rule name → [lower, upper] at each threshold, or once where the rule has none.

    A rule that asks for the rounding floor has an answer only where there is one.
    """
    asked = (rule for rule in RULES.values() if floor or not rule.by_floor)
    return {rule.name: _answers(rule, spectrum, floor) for rule in asked}


def _answers(rule: Rule, spectrum: Spectrum, floor: RoundingError | None) -> list[list[int]]:
    own: list[float | None] = [None]
    if rule.bounds == SHARE:
        own = list(THRESHOLDS)
    elif rule.bounds == RATIO:
        own = [round(1 / (1 - t), 6) for t in THRESHOLDS]
    said: list[Any] = [rule(spectrum, threshold, lambda: floor) for threshold in own]
    return [[result.lower, result.upper] for result in said]
