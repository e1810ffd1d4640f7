"""Ranks within a budget: the best there are, as trying all of them shows."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.ranks import knapsack as budgets
from lora_bokeh.ranks.knapsack import parse_budget, spend

energy = st.floats(0, 10, allow_subnormal=False)
matrix = st.tuples(
    st.lists(energy, max_size=4).map(lambda e: np.sort(np.array(e))[::-1]), st.integers(1, 9)
)
matrices = st.lists(matrix, max_size=4)


def best_by_trying(budget, energies, costs):
    best = 0.0
    for ranks in product(*(range(len(e) + 1) for e in energies)):
        if np.dot(ranks, costs) <= budget:
            best = max(best, sum(e[:r].sum() for e, r in zip(energies, ranks, strict=True)))
    return best


@given(matrices, st.integers(-9, 60))
def test_no_choice_of_ranks_captures_more(matrices, budget):
    energies, costs = [m[0] for m in matrices], [m[1] for m in matrices]
    found = spend(budget, energies, costs)
    assert found.exact
    assert found.cost == sum(np.multiply(found.ranks, costs)) <= max(budget, 0)
    captured = sum(e[:r].sum() for e, r in zip(energies, found.ranks, strict=True))
    assert found.energy == found.bound == pytest.approx(captured, abs=1e-12)
    assert captured == pytest.approx(best_by_trying(budget, energies, costs), abs=1e-9)


@given(matrices, st.integers(0, 60))
def test_bound_holds_where_the_best_is_not_looked_for(matrices, budget):
    energies, costs = [m[0] for m in matrices], [m[1] for m in matrices]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budgets, "MAX_WORK", -1)
        found = spend(budget, energies, costs)
    assert found.energy <= best_by_trying(budget, energies, costs) + 1e-9 <= found.bound + 2e-9
    assert np.dot(found.ranks, costs) <= budget


def test_best_is_not_the_greedy_choice():
    """Energy per cost would take the cheap rank first, and have no room for the dear one."""
    found = spend(10, [np.array([6.1]), np.array([10.0])], [6, 10])
    assert found == ((0, 1), 10, 10.0, 10.0, True)


def test_everything_fits():
    assert spend(100, [np.array([4.0, 1.0]), np.array([2.0])], [3, 5]).ranks == (2, 1)


def test_ranks_that_capture_nothing_are_not_bought():
    assert spend(100, [np.array([4.0, 0.0]), np.zeros(3)], [3, 5]).ranks == (1, 0)


def test_thousands_of_ranks_are_settled_exactly_and_soon():
    """Seven shapes in 32 layers, as in a language model: the few undecided items are small work."""
    rng = np.random.default_rng(0)
    costs = 32 * [8192, 5120, 5120, 8192, 18432, 18432, 18432]
    energies = [np.sort(rng.pareto(1.5, 64))[::-1] for _ in costs]
    found = spend(60_000_000, energies, costs)
    assert found.exact
    assert 60_000_000 - found.cost < 18432
    uniform = 60_000_000 // sum(costs)
    assert found.energy > sum(e[:uniform].sum() for e in energies)


def test_flat_spectra_of_unequal_cost():
    """Nothing tells one rank from another, and every item stays undecided."""
    found = spend(1000, [np.full(50, 7.0), np.full(50, 5.0)], [7, 5])
    assert found.energy == pytest.approx(
        best_by_trying(1000, [np.full(50, 7.0), np.full(50, 5.0)], [7, 5])
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20MB", (20_000_000, "bytes")),
        ("1.5 GiB", (3 << 29, "bytes")),
        ("300kb", (300_000, "bytes")),
        ("17 B", (17, "bytes")),
        ("2M params", (2_000_000, "parameters")),
        ("1.5b parameters", (1_500_000_000, "parameters")),
        ("12_345 params", (12_345, "parameters")),
    ],
)
def test_budget_is_read(text, expected):
    assert parse_budget(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "20", "MB", "-3MB", "0MB", "1.2.3MB", "2 Mi params", "nan MB", "9e99GB", "5 bananas"],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="a budget is a size such as 20MB"):
        parse_budget(text)
