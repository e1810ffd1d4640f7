"""The algebra of the merge view against NumPy, in the browser that runs it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lora_bokeh.engine.low_rank import LowRank, forward, merged
from lora_bokeh.engine.svd import truncated_svd
from lora_bokeh.lora import scale
from lora_bokeh.views.merge.draws import drawn_factors, uniform
from lora_bokeh.views.merge.factors import factors_of, own, start

MANY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def call(call_each):
    """Call ``call("merge/algebra.mjs", "costs", (6, 6, 2), …)`` in the page, once a tuple."""
    return lambda module, name, *calls: call_each(module, name, calls)


def test_draws_are_pythons_to_the_bit(call):
    calls = [(seed, stream, 50) for seed in (0, 1, 77, 2**32 - 1) for stream in "BAx"]
    for args, drawn in zip(calls, call("merge/draws.mjs", "uniform", *calls), strict=True):
        np.testing.assert_array_equal(drawn, uniform(*args))
    for seed, d, k, rank in [(1, 6, 6, 2), (5, 3, 8, 3), (9, 20, 4, 1)]:
        B, A = drawn_factors(seed, (d, k), rank)
        assert call("merge/draws.mjs", "drawnB", (seed, d, rank)) == [B.ravel().tolist()]
        assert call("merge/draws.mjs", "drawnA", (seed, k, rank)) == [A.ravel().tolist()]


def test_factors_of_every_start_are_pythons_at_every_rank(call):
    rng = np.random.default_rng(0)
    best = truncated_svd(rng.standard_normal((5, 4)), 3)
    held = {"U": best.U.ravel().tolist(), "s": best.s.tolist(), "Vh": best.Vh.ravel().tolist()}
    records = [
        *(start(kind, 7, 1.5) for kind in ("zero", "random", "best")),
        own(rng.standard_normal((5, 2)), rng.standard_normal((2, 4)), 3),
    ]
    calls = [(record, 5, 4, rank, held) for record in records for rank in (1, 2, 3, 4)]
    for (record, _, _, rank, _), factors in zip(
        calls, call("merge/factors.mjs", "factorsOf", *calls), strict=True
    ):
        B, A = factors_of(record, (5, 4), rank, best)
        np.testing.assert_allclose(factors["B"], B.ravel(), rtol=1e-15)
        np.testing.assert_allclose(factors["A"], A.ravel(), rtol=1e-15)


@st.composite
def typed_factors(draw):
    """Whole numbers, as a person types: often dependent, often zero."""
    d, k = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    rank = draw(st.integers(1, min(d, k)))
    numbers = st.integers(-3, 3)
    return draw(arrays(float, (d, rank), elements=numbers)), draw(
        arrays(float, (rank, k), elements=numbers)
    )


def adapter(B, A, s=1.0):
    """Return an adapter as the page's functions take it."""
    (d, rank), k = B.shape, A.shape[1]
    flat = {name: M.ravel().tolist() for name, M in (("B", B), ("A", A))}
    return {**flat, "d": d, "k": k, "rank": rank, "scale": s}


def ranks(call, pairs):
    """Return the rank that the page finds for each pair of factors."""
    return call("merge/elimination.mjs", "rankOfProduct", *((adapter(B, A),) for B, A in pairs))


@MANY
@given(pairs=st.lists(typed_factors(), min_size=5, max_size=5))
def test_rank_of_what_is_typed_is_numpys_and_never_above_r(call, pairs):
    for (B, A), found in zip(pairs, ranks(call, pairs), strict=True):
        assert found == np.linalg.matrix_rank(B @ A)
        assert found <= B.shape[1]


def test_rank_of_drawn_factors_is_numpys_and_never_above_r(call):
    rng = np.random.default_rng(4)
    shapes = [(6, 6, 2), (16, 16, 16), (3, 9, 3), (12, 5, 4), (96, 80, 7)]
    pairs = [(rng.standard_normal((d, r)), rng.standard_normal((r, k))) for d, k, r in shapes]
    pairs += [(1e150 * B, 1e-150 * A) for B, A in pairs] + [(1e-9 * B, A) for B, A in pairs]
    pairs += [(B @ np.ones((B.shape[1], 2)), np.ones((2, 4))) for B, _ in pairs[:5]]
    truth = [np.linalg.matrix_rank(B @ A) for B, A in pairs]
    assert ranks(call, pairs) == truth
    assert all(rank <= B.shape[1] for rank, (B, _) in zip(truth, pairs, strict=True))


def times32(P, Q):
    """Multiply in float32, adding one product after the other as the page does."""
    out = np.zeros((len(P), Q.shape[1]), np.float32)
    for column, row in zip(P.T, Q, strict=True):
        out = out + np.outer(column, row)
    return out


def test_forward_pass_is_numpys_in_float64_and_to_the_bit_in_float32(call):
    rng = np.random.default_rng(3)
    for d, k, rank in [(6, 6, 2), (7, 4, 1), (20, 30, 5)]:
        W, x = rng.standard_normal((d, k)), rng.standard_normal(k)
        B, A = rng.standard_normal((d, rank)), rng.standard_normal((rank, k))
        update = LowRank(B, A, 0.75)
        given_ = {**adapter(B, A, 0.75), "W": W.ravel().tolist(), "x": x.tolist(), "best": None}
        (base,) = call("merge/algebra.mjs", "applied", (given_["W"], given_["x"], d, k))
        (h,) = call("merge/algebra.mjs", "forwardPass", (given_, base))
        np.testing.assert_allclose(h["unmerged"], forward(W, update, x), atol=1e-12)
        (facts,) = call("merge/state.mjs", "mergeFacts", (given_,))
        np.testing.assert_allclose(facts["merged"], merged(W, update) @ x, atol=1e-12)
        difference = np.abs(np.subtract(h["unmerged"], facts["merged"])).max()
        assert facts["double"]["difference"] == difference
        assert facts["size"] == pytest.approx(update.frobenius_norm, rel=1e-12)
        W, B, A, x = (np.asarray(M, np.float32) for M in (W, B, A, x[:, None]))
        s = np.float32(0.75)
        weights = W + s * times32(B, A)
        unmerged = times32(W, x) + s * times32(B, times32(A, x))
        assert facts["single"]["difference"] == np.abs(unmerged - times32(weights, x)).max()
        assert facts["single"]["back"] == np.abs((weights - s * times32(B, A)) - W).max()


def test_scale_is_pythons(call):
    cases = [(8.0, 4, False), (8.0, 4, True), (3.0, 7, True), (None, 5, False), (None, 5, True)]
    expected = [scale(2 * r if a is None else a, r, rslora) for a, r, rslora in cases]
    assert call("merge/algebra.mjs", "scaleOf", *cases) == pytest.approx(expected, rel=1e-15)


def groups(n):
    """Return at most 96 groups of rows, each from ⌊i·n/96⌋ on."""
    count = min(n, 96)
    return [np.arange(i * n // count, (i + 1) * n // count) for i in range(count)]


@pytest.mark.parametrize(("d", "k"), [(6, 6), (96, 97), (200, 130), (1, 300)])
def test_pictures_are_means_over_blocks_and_means_commute_with_the_product(call, d, k):
    rng = np.random.default_rng(d)
    B, A = rng.standard_normal((d, 3)), rng.standard_normal((3, k))
    rows, columns = (groups(n) for n in (d, k))
    means = [[(B @ A)[np.ix_(i, j)].mean() for j in columns] for i in rows]
    (picture,) = call("merge/means.mjs", "pooled", ((B @ A).ravel().tolist(), d, k, 96))
    np.testing.assert_allclose(picture, np.ravel(means), atol=1e-12)
    (picture,) = call("merge/means.mjs", "pooledUpdate", (adapter(B, A, 2.0), 96))
    np.testing.assert_allclose(picture, 2 * np.ravel(means), atol=1e-12)


def test_colours_reach_as_far_as_the_largest_entry_and_seldom_change(call):
    tops = [1, 1.5, 2, 3, 5, 7.5, 10]
    values = np.geomspace(1e-6, 1e6, 100).tolist()
    for value, top in zip(
        values, call("merge/heat.mjs", "niceCeiling", *((v,) for v in values)), strict=True
    ):
        assert value <= top * (1 + 1e-12) <= 1.6 * value * (1 + 1e-9) or top / value < 2
        assert any(np.isclose(top / 10.0**power, tops).any() for power in range(-7, 7))
    assert call("merge/heat.mjs", "niceCeiling", (0,)) == [1]
