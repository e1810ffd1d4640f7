"""What a rank rule is, what it answers, and the table they register in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lora_bokeh.engine.rounding import RoundingError
from lora_bokeh.engine.spectrum import Spectrum

Floor = Callable[[], RoundingError | None]
Function = Callable[[Spectrum, float], "RuleResult"]

SHARE, ABSOLUTE, RATIO = (0.0, 1.0), (0.0, math.inf), (1.0, math.inf)  # bounds of thresholds


class RuleResult(NamedTuple):
    """What a rule says.

    Attributes
    ----------
    rank : int or None
        The rank; None where too few singular values are known to tell.
    lower, upper : int
        It is between them, inclusive.
    exact : bool
        Whether they are equal.
    why : str
        The number behind it, or a sentence on what is missing; may be empty.
    value : float or None
        The real number that was rounded up (stable rank, entropy) or down (break-even).
    """

    rank: int | None
    lower: int
    upper: int
    exact: bool
    why: str
    value: float | None = None


def known_between(spectrum: Spectrum, lower: int, upper: int) -> RuleResult:
    """Return a rank known to lie between two."""
    if lower == upper:
        return RuleResult(lower, lower, upper, True, "")
    known, p = len(spectrum.s), min(spectrum.shape)
    why = f"between {lower} and {upper}: it takes more than the {known} of {p} values known"
    return RuleResult(None, lower, upper, False, why)


@dataclass(frozen=True)
class Rule:
    """A rule as the tables show it.

    Attributes
    ----------
    name : str
        Its name in :data:`RULES` and on the command line.
    title, formula, source : str
        For people: a few words, the definition of k, and whose it is.
    function : callable
        (spectrum, threshold) → :class:`RuleResult`; its docstring has all of it.
    default : float or None
        Threshold when none is given; None where the rule has none of its own.
    bounds : tuple of float or None
        What a threshold may be, inclusive; None for a rule without.
    by_floor : bool
        Whether the threshold is the edge of the rounding noise of the matrix.
    """

    name: str
    title: str
    formula: str
    source: str
    function: Function
    default: float | None = None
    bounds: tuple[float, float] | None = None
    by_floor: bool = False

    def __call__(
        self, spectrum: Spectrum, threshold: float | None = None, floor: Floor | None = None
    ) -> RuleResult:
        """Apply the rule.

        Parameters
        ----------
        spectrum : Spectrum
            Complete or not.
        threshold : float, optional
            Default: :attr:`default`, or the edge that ``floor`` gives.
        floor : callable, optional
            :meth:`lora_bokeh.loading.open.Entry.rounding_error`; called only by a rule that needs
            it.

        Raises
        ------
        ValueError
            The threshold is out of bounds, or the rule takes none.
        """
        if threshold is not None:
            return self.function(spectrum, self._checked(threshold))
        if not self.by_floor:
            return self.function(spectrum, math.nan if self.default is None else self.default)
        error = floor() if floor else None
        if error is None:
            why = "only a difference of two checkpoints has a rounding floor"
            return RuleResult(None, 0, min(spectrum.shape), False, why)
        return self.function(spectrum, error.edge)

    def _checked(self, threshold: float) -> float:
        if self.bounds is None:
            raise ValueError(f"the rule {self.name!r} takes no threshold, got {threshold:g}")
        low, high = self.bounds
        if not low <= threshold <= high or math.isinf(threshold):
            limits = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
            raise ValueError(f"the threshold of {self.name!r} must be {limits}, got {threshold:g}")
        return threshold


RULES: dict[str, Rule] = {}


def rule(
    title: str, formula: str, source: str, **options: object
) -> Callable[[Function], Function]:
    """Enter a function into :data:`RULES` under its name; arguments as of :class:`Rule`."""

    def entered(function: Function) -> Function:
        name = function.__name__
        RULES[name] = Rule(name, title, formula, source, function, **options)  # type: ignore[arg-type]
        return function

    return entered
