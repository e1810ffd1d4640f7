"""Ways to give every matrix of an adapter its rank, and what each comes to.

The page looks plans up, so that a slider needs no server. They are what ``lora-bokeh resize`` makes
of the same options: the same ranks, the same bytes.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lora_bokeh.answers import THRESHOLDS
from lora_bokeh.budget import parse_budget
from lora_bokeh.formats.source import Source
from lora_bokeh.ranks import Choice, energy_shares
from lora_bokeh.resize import Plan, Planner
from lora_bokeh.spectrum import Spectrum

MOST_STOPS = 48  # of a slider
BUDGETS = 24  # stops of the budget's
UNITS = {"GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1}


class Stop(NamedTuple):
    """A stop of a slider: what it is called, the option that means it, and the choice."""

    label: str
    option: str
    choice: Choice


def plans(source: Source, spectra: Sequence[Spectrum], path: str) -> dict[str, Any]:
    """Return the plans by rank, by energy and by budget, as the page holds them.

    Parameters
    ----------
    source : Source
        The adapter.
    spectra : sequence of Spectrum
        Of its pairs, all of whose singular values are known.
    path : str
        What the command line calls the adapter.

    Raises
    ------
    ValueError
        The adapter cannot be resized.
    """
    planner = Planner(source, spectra)
    output = "resized.safetensors" if planner.form == "kohya" else "resized"
    command = f"lora-bokeh resize {shlex.quote(path)} -o {output}"
    energies = energy_shares(spectra)
    ways = {
        "rank": ("one rank", _ranks(max(map(len, energies)))),
        "energy": ("energy", _shares()),
        "budget": ("budget", _budgets(planner.nbytes)),
    }
    made = {
        name: _way(title, _made(planner, stops), energies, command)
        for name, (title, stops) in ways.items()
    }
    made["energy"]["start"] = THRESHOLDS.index(0.95)
    return {"first": "energy", "before": planner.nbytes, "ways": made}


def _ranks(most: int) -> list[Stop]:
    ranks = np.unique(np.rint(np.geomspace(1, most, min(most, MOST_STOPS))).astype(int)).tolist()
    return [Stop(f"rank {rank}", f"--rank {rank}", Choice(rank=rank)) for rank in ranks]


def _shares() -> list[Stop]:
    return [
        Stop(
            f"{100 * share:g} % of each matrix's energy",
            f"--rule energy --threshold {share:g}",
            Choice(rule="energy", threshold=share),
        )
        for share in THRESHOLDS
    ]


def _budgets(nbytes: int) -> list[Stop]:
    sizes = dict.fromkeys(_size(nbytes * i / BUDGETS) for i in range(1, BUDGETS + 1))
    return [_budget(*size) for size in sizes]


def _budget(number: str, unit: str) -> Stop:
    size = number + unit
    choice = Choice(budget=parse_budget(size))
    return Stop(f"budget of {number} {unit}", f"--budget {size}", choice)


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
    title: str, made: Sequence[tuple[Stop, Plan]], energies: Sequence[np.ndarray], command: str
) -> dict[str, Any]:
    return {
        "title": title,
        "start": len(made) // 2,
        "labels": [stop.label for stop, _ in made],
        "ranks": [np.array(plan.ranks, dtype=np.int32) for _, plan in made],
        "bytes": [plan.nbytes for _, plan in made],
        "energy": [_kept(plan.ranks, energies) for _, plan in made],
        "commands": [f"{command} {stop.option}" for stop, _ in made],
    }


def _kept(ranks: Sequence[int], energies: Sequence[np.ndarray]) -> float:
    """Return the share of the energy that ranks retain; all of nothing."""
    kept = sum(float(e[:r].sum()) for e, r in zip(energies, ranks, strict=True))
    return kept if any(e.any() for e in energies) else 1.0
