"""Ways to give every matrix of an adapter its rank, and what each comes to.

The page looks plans up, so that a slider needs no server; all are computed here.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.answers import THRESHOLDS
from lora_bokeh.budget import spend
from lora_bokeh.rules import RULES
from lora_bokeh.spectrum import Spectrum

MOST_STOPS = 48  # of a slider


class Member(NamedTuple):
    """One matrix of the adapter: its spectrum, all of it known, and the bytes of one more rank."""

    spectrum: Spectrum
    rank_bytes: int

    @property
    def energies(self) -> np.ndarray:
        """σ_j², descending."""
        return np.square(self.spectrum.s)


def plans(members: Sequence[Member], path: str) -> dict[str, Any]:
    """Return the plans by rank, by energy and by budget, as the page holds them.

    Parameters
    ----------
    members : sequence of Member
        The adapter's matrices, all of whose singular values are known.
    path : str
        What the command line calls the adapter.
    """
    stored = sum(len(m.energies) * m.rank_bytes for m in members)
    ways = {
        "rank": _by_rank(members, path),
        "energy": _by_energy(members, path),
        "budget": _by_budget(members, path, stored),
    }
    return {"first": "energy", "before": stored, "ways": ways}


def ranks_for_energy(members: Sequence[Member], share: float) -> list[int]:
    """Return for each matrix the least rank that captures a share of its energy, at least 1."""
    return [RULES["energy"](member.spectrum, share).lower or 1 for member in members]


def _by_rank(members: Sequence[Member], path: str) -> dict[str, Any]:
    most = max(len(m.energies) for m in members)
    ranks = np.unique(np.rint(np.geomspace(1, most, min(most, MOST_STOPS))).astype(int)).tolist()
    chosen = [[min(rank, len(m.energies)) for m in members] for rank in ranks]
    labels = [f"rank {rank}" for rank in ranks]
    options = [f"--rank {rank}" for rank in ranks]
    return _way("one rank", labels, chosen, members, path, options, len(ranks) // 2)


def _by_energy(members: Sequence[Member], path: str) -> dict[str, Any]:
    chosen = [ranks_for_energy(members, share) for share in THRESHOLDS]
    labels = [f"{100 * share:g} % of each matrix's energy" for share in THRESHOLDS]
    options = [f"--rule energy --threshold {share:g}" for share in THRESHOLDS]
    return _way("energy", labels, chosen, members, path, options, THRESHOLDS.index(0.95))


def _by_budget(members: Sequence[Member], path: str, stored: int) -> dict[str, Any]:
    budgets = [int(b) for b in np.linspace(0, stored, MOST_STOPS // 2 + 1)[1:]]
    energies, costs = [m.energies for m in members], [m.rank_bytes for m in members]
    chosen = [list(spend(budget, energies, costs).ranks) for budget in budgets]
    labels = [f"budget of {budget:,} bytes" for budget in budgets]
    options = [f"--budget {budget}B" for budget in budgets]
    return _way("budget", labels, chosen, members, path, options, len(budgets) // 2)


def _way(  # noqa: PLR0913, PLR0917 - the columns of one table
    title: str,
    labels: list[str],
    chosen: list[list[int]],
    members: Sequence[Member],
    path: str,
    options: list[str],
    start: int,
) -> dict[str, Any]:
    whole = sum(float(m.energies.sum()) for m in members)
    return {
        "title": title,
        "start": start,
        "labels": labels,
        "ranks": [np.array(ranks, dtype=np.int32) for ranks in chosen],
        "bytes": [
            sum(r * m.rank_bytes for r, m in zip(ranks, members, strict=True)) for ranks in chosen
        ],
        "energy": [_kept(ranks, members) / whole if whole > 0 else 1.0 for ranks in chosen],
        "commands": [f"lora-bokeh resize {shlex.quote(path)} -o resized {o}" for o in options],
    }


def _kept(ranks: list[int], members: Sequence[Member]) -> float:
    return sum(float(m.energies[:r].sum()) for r, m in zip(ranks, members, strict=True))


def _bytes(ranks: list[int], members: Sequence[Member]) -> int:
    return sum(r * m.rank_bytes for r, m in zip(ranks, members, strict=True))
