"""Rank rules: the peers' formulas written out, laws in the threshold, bounds that hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.engine.rounding import RoundingError
from lora_bokeh.engine.spectrum import Spectrum, spectrum
from lora_bokeh.ranks import noise
from lora_bokeh.ranks.rules import RULES
from tests.helpers.matrices import with_values

THRESHOLDS = {  # what the laws draw
    "energy": st.floats(0, 1),
    "sv_fro": st.floats(0, 1),
    "sv_cumulative": st.floats(0, 1),
    "quantile": st.floats(0, 1),
    "sv_ratio": st.floats(1, 1e6),
    "epsilon": st.floats(0, 10),
}
VALUES = st.lists(st.floats(1e-3, 10), min_size=1, max_size=30).map(
    lambda values: np.sort(values)[::-1]
)


def of_values(values, shape=None, known=None):
    """A spectrum of which the first values are known."""
    values = np.asarray(values, dtype=float)
    shape = shape or (len(values), len(values))
    known = len(values) if known is None else known
    return Spectrum(
        s=values[:known],
        shape=shape,
        dtype=np.dtype(float),
        frobenius_norm=float(np.linalg.norm(values)),
        tail_norm=float(np.linalg.norm(values[known:])),
        error_bound=np.zeros(known),
        converged=True,
        method="lapack",
    )


def rank(name, values, threshold=None, **options):
    result = RULES[name](of_values(values, **options), threshold)
    assert result.exact
    assert result.rank == result.lower == result.upper
    return result.rank


def naive(name, s, t):
    """The peers' programs, as they are written."""
    squares, sums = np.cumsum(s**2), np.cumsum(s)
    return {
        "energy": lambda: int(np.searchsorted(squares, t * squares[-1])) + 1,
        "sv_fro": lambda: int(np.searchsorted(squares / squares[-1], t**2)) + 1,
        "sv_cumulative": lambda: int(np.searchsorted(sums / sums[-1], t)) + 1,
        "sv_ratio": lambda: max(1, int((s > s[0] / t).sum())),
        "epsilon": lambda: int((s > t).sum()),
        "quantile": lambda: max(1, int((sums < t * sums[-1]).sum())),
    }[name]()


@pytest.mark.parametrize("name", THRESHOLDS)
@given(values=VALUES, data=st.data())
def test_a_complete_spectrum_gives_the_peers_rank(name, values, data):
    t = data.draw(THRESHOLDS[name])
    near = {naive(name, values, t * (1 + e)) for e in (-1e-9, 0, 1e-9)}  # ties go either way
    assert rank(name, values, t) in {min(r, len(values)) for r in near}


@pytest.mark.parametrize("name", THRESHOLDS)
@given(values=VALUES, data=st.data())
def test_ranks_are_monotone_in_the_threshold(name, values, data):
    low, high = sorted([data.draw(THRESHOLDS[name]), data.draw(THRESHOLDS[name])])
    ranks = rank(name, values, low), rank(name, values, high)
    assert ranks == tuple(sorted(ranks, reverse=name == "epsilon"))


@pytest.mark.parametrize("name", RULES)
@given(values=VALUES, data=st.data())
def test_bounds_of_a_part_hold_the_rank_of_the_whole(name, values, data):
    known = data.draw(st.integers(0, len(values)))
    t = data.draw(THRESHOLDS[name]) if name in THRESHOLDS else None
    floor = lambda: RoundingError(1.0, 0.5)  # noqa: E731
    whole = RULES[name](of_values(values), t, floor)
    part = RULES[name](of_values(values, known=known), t, floor)
    assert whole.exact
    assert part.lower <= whole.rank <= part.upper
    assert part.exact == (part.rank is not None)
    assert part.exact or "values known" in part.why


# --- what the peers' words mean


@given(values=VALUES)
def test_kohyas_nine_tenths_are_81_percent_of_the_energy(values):
    assert rank("sv_fro", values, 0.9) == rank("energy", values, 0.81)


def test_all_of_the_energy_takes_every_value_that_is_not_zero():
    values = np.geomspace(1, 1e-12, 42)
    padded = np.append(values, np.zeros(8))
    for name in ("energy", "sv_fro", "sv_cumulative"):
        assert rank(name, values, 1.0) == rank(name, padded, 1.0) == 42
    assert rank("energy", values, 1 - 1e-15) < 42
    assert rank("energy", np.zeros(5), 1.0) == 1


def test_flat_and_ties():
    flat = np.ones(64)
    assert rank("energy", flat, 0.5) == 32
    assert rank("energy", flat, 0.9) == 58
    assert rank("sv_fro", flat, 0.9) == 52  # ⌈0.81·64⌉
    assert rank("sv_cumulative", flat, 0.25) == 16
    assert rank("quantile", flat, 0.25) == 15
    assert rank("sv_ratio", flat, 1.0) == 1
    assert rank("stable_rank", flat) == rank("entropy", flat) == 64


@pytest.mark.parametrize(
    ("values", "percent"),
    [(np.ones(64), 35.4), (np.arange(1, 1025) ** -0.5, 60.2)],
    ids=["flat", "power law"],
)
def test_retention_is_of_the_exact_norm(values, percent):
    """A rank-16 sketch of these, taken for the whole, reports 70.7 % and 89.7 %."""
    n = max(len(values), 20)
    s = spectrum(with_values(n, n, values), 16)
    assert 100 * np.sqrt(s.captured_energy(8)) == pytest.approx(percent, abs=0.05)
    assert 100 * np.sqrt(of_values(values, known=16).captured_energy(8)) == pytest.approx(
        percent, abs=0.05
    )


def test_a_zero_matrix():
    zero = spectrum(np.zeros((6, 4)))
    ranks = {name: rule(zero).rank for name, rule in RULES.items()}
    assert ranks == {
        **dict.fromkeys(["energy", "sv_fro", "sv_cumulative", "sv_ratio", "quantile"], 1),
        **dict.fromkeys(["epsilon", "noise_edge", "gavish_donoho"], 0),
        **dict.fromkeys(["stable_rank", "entropy"], 1),
        "rounding_floor": None,
        "break_even": 2,
    }


def test_kohya_gives_rank_one_to_next_to_nothing():
    tiny = np.full(5, 1e-7)
    assert [rank(n, tiny) for n in ("sv_fro", "sv_cumulative", "sv_ratio")] == [1, 1, 1]
    assert rank("energy", tiny) == 5


def test_measures_keep_their_real_value():
    s = of_values([2.0, 1.0])
    assert RULES["stable_rank"](s).value == pytest.approx(1.25)
    p = np.array([2, 1]) / 3
    assert RULES["entropy"](s).value == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    assert RULES["break_even"](of_values([2, 1], (2, 3))).value == 1.2


# --- noise


def test_signal_stands_above_noise():
    rng = np.random.default_rng(0)
    W = rng.standard_normal((300, 500)) + with_values(300, 500, [90, 80, 70, 60, 50])
    for known in (None, 64):
        assert RULES["noise_edge"](spectrum(W, known)).rank == 5
    assert RULES["gavish_donoho"](spectrum(W)).rank == 5
    assert RULES["gavish_donoho"](spectrum(rng.standard_normal((300, 500)))).rank == 0


@pytest.mark.parametrize("shape", [(400, 400), (200, 1000), (30, 3000)])
def test_the_law_is_that_of_noise(shape):
    s = np.linalg.svd(np.random.default_rng(1).standard_normal(shape), compute_uv=False)
    m, n = shape
    assert np.median(s) == pytest.approx((noise.median(m / n) * n) ** 0.5, rel=0.02)


@pytest.mark.parametrize("beta", [0.01, 0.1, 0.25, 0.5, 0.8, 1.0])
def test_the_threshold_is_near_the_published_polynomial(beta):
    """Gavish and Donoho, eq. 5, within the error they state; ω(1) to all their digits."""
    polynomial = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
    omega = noise.threshold_over_median((int(1000 * beta), 1000))
    assert omega == pytest.approx(polynomial, abs=0.02)
    if beta == 1:
        assert round(omega, 3) == 2.858


# --- thresholds


def test_the_floor_is_asked_only_where_it_is_needed():
    s = of_values([3.0, 2.0, 1.0])
    assert RULES["rounding_floor"](s, None, lambda: RoundingError(9, 1.5)).rank == 2
    assert RULES["rounding_floor"](s, 2.5).rank == 1
    nothing = RULES["rounding_floor"](s)
    assert (nothing.rank, nothing.exact) == (None, False)
    assert nothing.why == "only a difference of two checkpoints has a rounding floor"
    assert RULES["energy"](s, 0.5, lambda: 1 / 0).rank == 1


@pytest.mark.parametrize(
    ("name", "threshold", "message"),
    [
        ("energy", 1.5, "the threshold of 'energy' must be between 0 and 1, got 1.5"),
        ("sv_fro", float("nan"), "the threshold of 'sv_fro' must be between 0 and 1, got nan"),
        ("sv_ratio", 0.5, "the threshold of 'sv_ratio' must be at least 1, got 0.5"),
        ("epsilon", -1, "the threshold of 'epsilon' must be at least 0, got -1"),
        ("entropy", 0.5, "the rule 'entropy' takes no threshold, got 0.5"),
    ],
)
def test_impossible_thresholds_are_refused(name, threshold, message):
    with pytest.raises(ValueError, match="threshold") as error:
        RULES[name](of_values([1.0]), threshold)
    assert str(error.value) == message


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_what_it_is(rule):
    assert rule.function.__doc__
    assert all([rule.title, rule.formula, rule.source])
    assert (rule.default is not None) <= (rule.bounds is not None)
