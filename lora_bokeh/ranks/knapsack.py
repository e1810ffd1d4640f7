"""Spend a budget on ranks: the most energy that so many bytes, or parameters, can capture.

Rank j of a matrix of shape (m, n) captures σ_j² and costs m + n entries, whichever j it is. To
choose the ranks r_i that maximise Σ_i Σ_{j≤r_i} σ_ij² within Σ_i c_i·r_i ≤ budget is a knapsack of
such items. An item never has to wait for its turn: each matrix offers its dearest first, so the
best choice among all items takes a leading run of each matrix.

Taking items by energy per cost is optimal up to the one that no longer fits (Dantzig 1957,
https://doi.org/10.1287/opre.5.2.266), and gives a bound on every choice. An item whose exchange
would cost more than the gap between the two is decided; dynamic programming settles the few that
are left, exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

MAX_WORK = 500_000_000  # steps of the dynamic programme, a few seconds; beyond it the bound is told
SLACK = 1e-12  # of the total energy: rounding of the sums, within which an item stays undecided

UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


class Budget(NamedTuple):
    """What may be spent: ``amount`` of ``unit``, of the tensor file's bytes or of parameters."""

    amount: int
    unit: Literal["bytes", "parameters"]


class Allocation(NamedTuple):
    """Ranks within a budget.

    Attributes
    ----------
    ranks : tuple of int
        One for each matrix; 0 leaves it out.
    cost : int
        What they cost, at most the budget.
    energy : float
        Σ σ² that they capture.
    bound : float
        No ranks of at most the budget's cost capture more than this.
    exact : bool
        Whether ``ranks`` are proven the best: ``bound`` is then ``energy``.
    """

    ranks: tuple[int, ...]
    cost: int
    energy: float
    bound: float
    exact: bool


class _Items(NamedTuple):
    """Ranks for sale, by falling energy per cost: arrays of shape (items,)."""

    energy: np.ndarray
    cost: np.ndarray
    owner: np.ndarray


def parse_budget(text: str) -> Budget:
    """Return the budget that a text like "20MB", "1.5 GiB", "2M params" or "300000 B" means.

    Parameters
    ----------
    text : str
        A number and a unit: bytes in steps of 1000 (kB, MB, GB) or 1024 (KiB, MiB, GiB), or
        ``params``, with K, M or G before it if wanted. Case does not matter.

    Raises
    ------
    ValueError
        The text is not a positive number with such a unit.
    """
    found = re.fullmatch(
        r"\s*([\d_.]+(?:e\d+)?)\s*([kmg]?i?b?)\s*(params|parameters)?\s*", text.lower()
    )
    try:
        number = float(found[1]) if found else math.nan
        scale = (COUNTS if found and found[3] else UNITS)[found[2] if found else "?"]
    except (KeyError, ValueError):
        number = scale = 0
    if not found or not 1 <= number * scale < 2**62:
        raise ValueError(
            f"a budget is a size such as 20MB, 1.5GiB or '2M params' (MB = 10⁶, MiB = 2²⁰ bytes), "
            f"got {text!r}"
        )
    return Budget(int(number * scale), "parameters" if found[3] else "bytes")


def spend(budget: int, energies: Sequence[np.ndarray], costs: Sequence[int]) -> Allocation:
    """Choose the ranks that capture the most energy within a budget.

    Parameters
    ----------
    budget : int
        In the unit of ``costs``; nothing is bought with less than nothing.
    energies : sequence of ndarray of shape (k_i,)
        σ_j² of each matrix, descending; as many as its rank may at most be.
    costs : sequence of int
        Cost of each rank of each matrix, at least 1: (m + n), times the bytes of an entry.

    Returns
    -------
    Allocation
        The best ranks; where proving it would take too long, good ones and a bound on the best.
    """
    budget = max(budget, 0)
    items = _for_sale(energies, costs)
    fitting = int(np.searchsorted(np.cumsum(items.cost), budget, side="right"))
    taken = _greedy(items, fitting, budget)
    bound = _bound(items, fitting, budget)
    core, inside = _undecided(items, fitting, bound - items.energy[taken].sum())
    left = budget - int(items.cost[inside].sum())
    exact = fitting == len(items.cost) or _work(items.cost[core], left) <= MAX_WORK
    if exact and core.any() and fitting < len(items.cost):
        chosen = inside.copy()
        chosen[np.flatnonzero(core)[_knapsack(items.energy[core], items.cost[core], left)]] = True
        # Equal sums may differ in the last digit; greedy wins a tie.
        taken = max(taken, chosen, key=lambda t: items.energy[t].sum())
    ranks = np.bincount(items.owner[taken], minlength=len(costs))
    energy = float(sum(np.sum(e[:r]) for e, r in zip(energies, ranks, strict=True)))
    cost = int(items.cost[taken].sum())
    return Allocation(tuple(ranks.tolist()), cost, energy, energy if exact else bound, exact)


def _for_sale(energies: Sequence[np.ndarray], costs: Sequence[int]) -> _Items:
    """List every rank that captures something. The sort is stable, so ties keep their order."""
    energy = np.concatenate([np.zeros(0), *(np.asarray(e, dtype=np.float64) for e in energies)])
    sizes = [len(e) for e in energies]
    owner = np.repeat(np.arange(len(sizes)), sizes)
    cost = np.repeat(np.asarray(costs, dtype=np.int64), sizes)
    order = np.argsort(-energy / cost, kind="stable")
    order = order[energy[order] > 0]
    return _Items(energy[order], cost[order], owner[order])


def _greedy(items: _Items, fitting: int, budget: int) -> np.ndarray:
    """Take what fits in order, then whatever still fits: a mask of shape (items,)."""
    taken = np.zeros(len(items.cost), dtype=bool)
    taken[:fitting] = True
    left = budget - int(items.cost[:fitting].sum())
    cheapest = items.cost.min(initial=left + 1)
    for i in range(fitting, len(taken)):
        if left < cheapest:
            break
        if items.cost[i] <= left:  # a matrix whose rank does not fit has no later one that does
            taken[i] = True
            left -= int(items.cost[i])
    return taken


def _bound(items: _Items, fitting: int, budget: int) -> float:
    """Return Dantzig's bound: what fits, and of the next item the part that does."""
    bound = float(items.energy[:fitting].sum())
    if fitting < len(items.cost):
        left = budget - int(items.cost[:fitting].sum())
        bound += left / int(items.cost[fitting]) * float(items.energy[fitting])
    return bound


def _undecided(items: _Items, fitting: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of the undecided items, and of those that every best choice has.

    With λ the energy per cost at the break, leaving out an item from before it, or taking one from
    after it, lowers the bound by |energy − λ·cost|: more than the gap, and it cannot be best.
    """
    n = len(items.cost)
    if fitting == n:
        return np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
    loss = items.energy - items.energy[fitting] / items.cost[fitting] * items.cost
    core = np.abs(loss) <= gap + SLACK * items.energy.sum()
    return core, ~core & (np.arange(n) < fitting)


def _classes(costs: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return each distinct cost with the items that have it, by falling energy."""
    return [(int(c), np.flatnonzero(costs == c)) for c in np.unique(costs)]


def _work(costs: np.ndarray, budget: int) -> int:
    if not len(costs):
        return 0
    step = int(np.gcd.reduce(costs))
    return len(costs) * (min(budget, int(costs.sum())) // step + 1)


def _knapsack(energy: np.ndarray, cost: np.ndarray, budget: int) -> np.ndarray:
    """Return the indices of the best items within the budget, by dynamic programming.

    ``best[w]`` is the most energy for w units; among items of one cost the first are the best, so
    each class of them adds one choice: how many.
    """
    step = int(np.gcd.reduce(cost))
    units = min(budget, int(cost.sum())) // step
    best = np.zeros(units + 1)
    counts = []
    for c, members in _classes(cost):
        best, count = _add_class(best, np.cumsum(energy[members]), c // step)
        counts.append((c // step, members, count))
    chosen = [np.zeros(0, dtype=np.int64)]
    for c, members, count in reversed(counts):
        n = int(count[units])
        chosen.append(members[:n])
        units -= n * c
    return np.concatenate(chosen)


def _add_class(best: np.ndarray, gains: np.ndarray, c: int) -> tuple[np.ndarray, np.ndarray]:
    """Allow j items of cost c which together gain ``gains[j − 1]``; return (best, counts j)."""
    better, count = best.copy(), np.zeros(len(best), dtype=np.int32)
    for j, gain in enumerate(gains[: (len(best) - 1) // c], 1):
        with_j = best[: len(best) - j * c] + gain
        wins = with_j > better[j * c :]
        better[j * c :][wins] = with_j[wins]
        count[j * c :][wins] = j
    return better, count
