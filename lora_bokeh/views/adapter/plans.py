"""Ways to give every matrix of a file its rank, and what each comes to.

The page looks plans up, so that a slider needs no server. They are what ``lora-bokeh resize``, and
for a difference ``lora-bokeh extract``, makes of the same options: the same ranks, the same bytes.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.compress.extract import Extracting
from lora_bokeh.compress.planner import Plan, Planner
from lora_bokeh.compress.resize import Resizing
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.formats.source import Source
from lora_bokeh.ranks.choice import Choice, energy_shares
from lora_bokeh.ranks.knapsack import parse_budget
from lora_bokeh.ranks.rule_table import THRESHOLDS

MOST_STOPS = 48  # of a slider
BUDGETS = 24  # stops of the budget's,
SMALLEST = 50  # times smaller the first of them than the last
DONE = {"resize": "resized", "extract": "extracted"}
UNITS = {"GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1}


class Stop(NamedTuple):
    """A stop of a slider: what it is called, the option that means it, and the choice."""

    label: str
    option: str
    choice: Choice


def unplanned(source: Source) -> dict[str, str]:
    """Return what the page holds before there are plans: the verb, if an adapter can be made."""
    if source.base is not None:
        return {"verb": "extract"}
    return {"verb": "resize"} if source.is_adapter else {}


def plans(source: Source, spectra: Sequence[Spectrum], called: Sequence[str]) -> dict[str, Any]:
    """Return the plans by rank, by energy and by budget, as the page holds them.

    Parameters
    ----------
    source : Source
        An adapter, or a difference.
    spectra : sequence of Spectrum
        Of its matrices.
    called : sequence of str
        What the command line calls it: the adapter, or base and tuned.

    Raises
    ------
    SourceError, ValueError
        No adapter can be made of it.
    """
    verb = unplanned(source)["verb"]
    work = Extracting.of(source, source.base) if source.base else Resizing.of(source)
    cut = {entry.keys for entry in work.entries}
    taken = np.array([entry.keys in cut for entry in source.entries])
    known = [s for s, is_taken in zip(spectra, taken, strict=True) if is_taken]
    planner, energies = Planner(work, known), energy_shares(known)
    output = DONE[verb] + (".safetensors" if work.how.form == "kohya" else "")
    command = shlex.join(["lora-bokeh", verb, *called, "-o", output])
    ways = {
        name: _way(title, _made(planner, stops), energies, taken, command)
        for name, (title, stops) in _stops(planner, work.nbytes).items()
    }
    ways["energy"]["start"] = THRESHOLDS.index(0.95)
    return {"verb": verb, "first": "energy", "before": work.nbytes, "ways": ways}


def _stops(planner: Planner, nbytes: int) -> dict[str, tuple[str, list[Stop]]]:
    """Return the ways to choose: what each is called, and the stops of its slider."""
    limit = planner.most if planner.short else None
    top = planner.plan(Choice(max_rank=planner.most)).nbytes
    return {
        "rank": ("one rank", _ranks(planner.most)),
        "energy": ("energy", _shares(limit)),
        "budget": ("budget", _budgets(min(nbytes, top), limit)),
    }


def _ranks(most: int) -> list[Stop]:
    ranks = np.unique(np.rint(np.geomspace(1, most, min(most, MOST_STOPS))).astype(int)).tolist()
    return [Stop(f"rank {rank}", f"--rank {rank}", Choice(rank=rank)) for rank in ranks]


def _shares(limit: int | None) -> list[Stop]:
    return [
        Stop(
            f"{100 * share:g} % of each matrix's energy",
            f"--rule energy --threshold {share:g}{_capped(limit)}",
            Choice(rule="energy", threshold=share, max_rank=limit),
        )
        for share in THRESHOLDS
    ]


def _budgets(nbytes: int, limit: int | None) -> list[Stop]:
    sizes = dict.fromkeys(map(_size, np.geomspace(nbytes / SMALLEST, nbytes, BUDGETS)))
    return [_budget(*size, limit) for size in sizes]


def _budget(number: str, unit: str, limit: int | None) -> Stop:
    size = number + unit
    choice = Choice(budget=parse_budget(size), max_rank=limit)
    return Stop(f"budget of {number} {unit}", f"--budget {size}{_capped(limit)}", choice)


def _capped(limit: int | None) -> str:
    """Return the option that keeps the command to the ranks that are known."""
    return "" if limit is None else f" --max-rank {limit}"


def _size(nbytes: float) -> tuple[str, str]:
    """Return a size of two digits, not above ``nbytes``, and its unit: 1.2 and MB."""
    digit = 10 ** max(math.floor(math.log10(max(nbytes, 1))) - 1, 0)
    rounded = int(nbytes // digit * digit)
    unit = next((name for name, size in UNITS.items() if rounded >= size), "B")
    return f"{rounded / UNITS[unit]:g}", unit


def _made(planner: Planner, stops: Iterable[Stop]) -> list[tuple[Stop, Plan]]:
    """Return the stops that there can be, with their plans: some budgets reach for nothing."""
    made = []
    for stop in stops:
        try:
            made.append((stop, planner.plan(stop.choice)))
        except ValueError:
            continue
    return made


def _way(
    title: str,
    made: Sequence[tuple[Stop, Plan]],
    energies: Sequence[np.ndarray],
    taken: np.ndarray,
    command: str,
) -> dict[str, Any]:
    return {
        "title": title,
        "start": len(made) // 2,
        "labels": [stop.label for stop, _ in made],
        "ranks": [_all_ranks(plan.ranks, taken) for _, plan in made],
        "bytes": [plan.nbytes for _, plan in made],
        "energy": [_kept(plan.ranks, energies) for _, plan in made],
        "commands": [f"{command} {stop.option}" for stop, _ in made],
    }


def _all_ranks(ranks: Sequence[int], taken: np.ndarray) -> np.ndarray:
    """Return a rank for every matrix of the file: 0 for those that no adapter can have."""
    every = np.zeros(len(taken), dtype=np.int32)
    every[taken] = ranks
    return every


def _kept(ranks: Sequence[int], energies: Sequence[np.ndarray]) -> float:
    """Return the share of the energy that ranks retain; all of nothing."""
    kept = sum(float(e[:r].sum()) for e, r in zip(energies, ranks, strict=True))
    return kept if any(e.any() for e in energies) else 1.0
