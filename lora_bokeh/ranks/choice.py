"""Which rank each matrix of a source is to have: one number, a rule, a budget, or by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np

from lora_bokeh.engine.matrix import check_rank
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.ranks.knapsack import Budget, spend
from lora_bokeh.ranks.rule import Floor, RuleResult
from lora_bokeh.ranks.rules import RULES

Size = Callable[[Sequence[int]], int]  # from ranks to bytes


@dataclass(frozen=True)
class Choice:
    """How ranks are chosen; where nothing else is said, a matrix keeps the most it may have.

    Parameters
    ----------
    rank : int, optional
        One rank for all.
    rule : str, optional
        The rank by one of :data:`lora_bokeh.ranks.rules.RULES`.
    threshold : float, optional
        The rule's; default: its own default.
    budget : Budget, optional
        What all matrices together may cost; spent where it captures the most energy.
    max_rank : int, optional
        No rank is larger.
    by_name : mapping of str to int
        Ranks by name or shell pattern, before all of the above; 0 leaves a matrix out. A name
        goes before patterns, then the first pattern that fits decides.

    Raises
    ------
    TypeError, ValueError
        More than one of ``rank``, ``rule`` and ``budget``; an unknown rule; a rank that is none.
    """

    rank: int | None = None
    rule: str | None = None
    threshold: float | None = None
    budget: Budget | None = None
    max_rank: int | None = None
    by_name: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = [name for name in ("rank", "rule", "budget") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} and {given[1]} both choose the ranks; give one of them")
        if self.rule is not None and self.rule not in RULES:
            raise ValueError(f"no rule is named {self.rule!r}; there are {', '.join(RULES)}")
        if self.threshold is not None and self.rule is None:
            raise ValueError("a threshold is a rule's; say which rule")
        for name in ("rank", "max_rank"):
            if getattr(self, name) is not None:
                check_rank(getattr(self, name), 2**31, name)
        for name, rank in self.by_name.items():
            check_rank(rank, 2**31, f"the rank of {name!r}", smallest=0)

    def named(self, name: str) -> int | None:
        """Return the rank chosen for a name, None if none is."""
        if name in self.by_name:
            return self.by_name[name]
        return next((r for pattern, r in self.by_name.items() if fnmatchcase(name, pattern)), None)

    def wanted(self, name: str) -> int | None:
        """Return the rank if it is chosen without a look at the matrix."""
        named = self.named(name)
        return self.rank if named is None else named

    def asks_rule(self, name: str) -> bool:
        """Tell whether a rule chooses the rank for a name."""
        return self.rule is not None and self.wanted(name) is None

    def by_rule(self, spectrum: Spectrum, floor: Floor | None = None) -> RuleResult:
        """Return what the rule says of a matrix; ``floor`` gives its rounding error."""
        assert self.rule is not None  # noqa: S101 - asked only where there is one
        return RULES[self.rule](spectrum, self.threshold, floor)

    def check_names(self, names: Sequence[str]) -> None:
        """Refuse a name or pattern that fits none of the matrices: it is a slip."""
        for pattern in self.by_name:
            if not any(name == pattern or fnmatchcase(name, pattern) for name in names):
                raise ValueError(f"no matrix is named {pattern!r}, and none fits it as a pattern")


class Ranked(NamedTuple):
    """A matrix about to be given a rank.

    Attributes
    ----------
    name : str
        In the source.
    spectrum : Spectrum
        At least ``most`` values are known, or all that are not zero.
    least, most : int
        The rank is between them unless it was chosen by name.
    by_rule : int
        The rule's rank; 0 where there is no rule.
    """

    name: str
    spectrum: Spectrum
    least: int
    most: int
    by_rule: int = 0


class Chosen(NamedTuple):
    """Ranks; for a budget also what is known of others.

    Attributes
    ----------
    ranks : tuple of int
        One for each matrix; 0 leaves it out.
    bound : float or None
        No ranks whose factors fit in the room there was retain a larger share of the energy.
    exact : bool
        Whether ``ranks`` do retain that: they are proven the best.
    """

    ranks: tuple[int, ...]
    bound: float | None = None
    exact: bool = True


def choose_ranks(
    choice: Choice, matrices: Sequence[Ranked], entry_bytes: int = 1, size: Size | None = None
) -> Chosen:
    """Return the rank of each matrix.

    Parameters
    ----------
    choice : Choice
        How.
    matrices : sequence of Ranked
        All of them: a budget is for all together.
    entry_bytes : int, default 1
        Bytes of an entry of the factors in the file, for a budget in bytes.
    size : callable, optional
        From ranks to the bytes of the file, header and all, for a budget in bytes. Default: the
        factors are all there is.

    Raises
    ------
    ValueError
        The budget does not reach for a single rank.
    """
    named = [choice.named(m.name) for m in matrices]
    bounds = [(m.least, m.most) if r is None else (min(r, m.most),) * 2
              for m, r in zip(matrices, named, strict=True)]  # fmt: skip
    if choice.budget is None:
        wanted = [_wanted(choice, m) for m in matrices]
        return Chosen(
            tuple(min(max(w, low), high) for w, (low, high) in zip(wanted, bounds, strict=True))
        )
    in_bytes = choice.budget.unit == "bytes"
    market = Market(matrices, bounds, entry_bytes if in_bytes else 1)
    return market.best(choice.budget, size if in_bytes and size else market.cost)


def _wanted(choice: Choice, matrix: Ranked) -> int:
    if choice.rule is not None:
        return matrix.by_rule
    return matrix.most if choice.rank is None else choice.rank


class Market(NamedTuple):
    """Ranks to be bought: ``unit`` is what an entry of a factor costs."""

    matrices: Sequence[Ranked]
    bounds: Sequence[tuple[int, int]]
    unit: int

    @property
    def costs(self) -> list[int]:
        """What one more rank costs, for each matrix."""
        return [self.unit * sum(m.spectrum.shape) for m in self.matrices]

    def cost(self, ranks: Sequence[int]) -> int:
        """Return what ranks cost, apart from everything else in a file."""
        return sum(c * r for c, r in zip(self.costs, ranks, strict=True))

    def best(self, budget: Budget, size: Size) -> Chosen:
        """Return the best ranks of which the file is no larger than the budget.

        What a file has besides factors depends a little on the ranks: a matrix left out needs no
        name, a large offset more digits. As little room as does is set aside for it, which is
        looked for at what the best ranks so far need, else half-way.
        """
        least, most = zip(*self.bounds, strict=True)
        low, high = self._beside(least, size), self._beside(most, size)
        found = self._spent(budget.amount - high)
        needs = self._beside(found.ranks, size)
        while high - low > 1 and needs < high:
            room = needs if needs > low else (low + high) // 2
            candidate = self._spent(budget.amount - room)
            if size(candidate.ranks) <= budget.amount:
                high, found, needs = room, candidate, self._beside(candidate.ranks, size)
            else:
                low = room
        if size(found.ranks) > budget.amount or not any(found.ranks):
            raise ValueError(
                f"the budget of {budget.amount:,} {budget.unit} is too small: the least that can "
                f"be written takes {self._smallest(size):,}"
            )
        return found

    def _beside(self, ranks: Sequence[int], size: Size) -> int:
        """Return what a file with these ranks has besides factors."""
        return size(ranks) - self.cost(ranks)

    def _spent(self, budget: int) -> Chosen:
        """Spend a budget on the factors alone."""
        least = [low for low, _ in self.bounds]
        squares = energy_shares([m.spectrum for m in self.matrices])
        free = [s[low:high] for s, (low, high) in zip(squares, self.bounds, strict=True)]
        found = spend(budget - self.cost(least), free, self.costs)
        given = sum(float(s[:low].sum()) for s, low in zip(squares, least, strict=True))
        ranks = tuple(low + r for low, r in zip(least, found.ranks, strict=True))
        return Chosen(ranks, given + found.bound, found.exact)

    def _smallest(self, size: Size) -> int:
        """Return the size of the smallest adapter there can be."""
        least = [low for low, _ in self.bounds]
        if any(least):
            return size(least)
        ones = [[int(i == j) for j in range(len(least))] for i in range(len(least))]
        return min(size(one) for one, (_, most) in zip(ones, self.bounds, strict=True) if most)


def energy_shares(spectra: Sequence[Spectrum]) -> list[np.ndarray]:
    """Return σ² of each, as shares of the energy of all, so that nothing over- or underflows."""
    norm = math.hypot(*(s.frobenius_norm for s in spectra))
    return [(s.s / norm) ** 2 if norm > 0 else np.zeros(len(s.s)) for s in spectra]
