"""W′ = W + s·B·A from Python: draws, ways to begin, the arithmetic, and the view's parameters."""

import numpy as np
import panel as pn
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh import LowRank, MergeExplorer
from lora_bokeh.engine.low_rank import forward, merged
from lora_bokeh.engine.svd import truncated_svd
from lora_bokeh.views.merge.draws import drawn_factors, uniform
from lora_bokeh.views.merge.factors import factors_of, own, start
from lora_bokeh.views.merge.view import MOST_DIRECTIONS, MOST_ENTRIES

SIZES = st.integers(1, 9)


def page_of(view):
    return view.__panel__()


@given(st.integers(0, 2**32 - 1), st.sampled_from(["B", "A", "x"]), st.integers(1, 60))
def test_draws_are_within_bounds_and_the_first_stay_as_more_are_drawn(seed, stream, count):
    more = uniform(seed, stream, count + 5)
    assert np.abs(more).max() < 1
    np.testing.assert_array_equal(more[:count], uniform(seed, stream, count))


def test_draws_are_even_and_streams_and_seeds_differ():
    draws = uniform(1, "x", 100_000)
    assert draws.mean() == pytest.approx(0, abs=0.01)
    assert draws.var() == pytest.approx(1 / 3, rel=0.01)
    others = [uniform(2, "x", 100_000), uniform(1, "A", 100_000), draws[1:]]
    assert all(abs(np.corrcoef(draws[: len(o)], o)[0, 1]) < 0.02 for o in others)


@given(SIZES, SIZES, st.integers(1, 5))
def test_lora_begins_with_no_update_and_a_within_its_bound(d, k, rank):
    B, A = factors_of(start("zero"), (d, k), rank)
    assert (B.shape, A.shape) == ((d, rank), (rank, k))
    assert not B.any()
    assert np.abs(A).max() < 1 / np.sqrt(k)


@given(SIZES, SIZES, st.integers(1, 8))
def test_a_larger_rank_adds_columns_and_changes_none(d, k, rank):
    (B, A), (C, D) = (drawn_factors(3, (d, k), r) for r in (rank, rank + 1))
    np.testing.assert_array_equal(C[:, :rank], B)
    np.testing.assert_array_equal(D[:rank], A)


@given(st.integers(0, 9), st.floats(0.1, 10))
def test_best_fit_is_the_truncated_svd_at_its_scale(seed, scale):
    target = np.random.default_rng(seed).standard_normal((7, 5))
    U, s, Vh = np.linalg.svd(target, full_matrices=False)
    for rank in (1, 3, 5):
        B, A = factors_of(start("best", scale=scale), (7, 5), rank, truncated_svd(target))
        best = (U[:, :rank] * s[:rank]) @ Vh[:rank]
        np.testing.assert_allclose(scale * B @ A, best, atol=1e-12)


def test_ranks_past_the_factors_held_leave_the_update_as_it_is():
    rng = np.random.default_rng(0)
    B, A = rng.standard_normal((6, 2)), rng.standard_normal((2, 4))
    for rank in (2, 3, 4):
        C, D = factors_of(own(B, A), (6, 4), rank)
        np.testing.assert_allclose(C @ D, B @ A)
        np.testing.assert_array_equal(C[:, :2], B)


@given(SIZES, SIZES, st.integers(1, 4), st.integers(0, 99))
def test_merged_and_unmerged_differ_by_rounding_only(d, k, rank, seed):
    rng = np.random.default_rng(seed)
    W, x = rng.standard_normal((d, k)), rng.standard_normal(k)
    update = LowRank(rng.standard_normal((d, rank)), rng.standard_normal((rank, k)), 0.5)
    size = np.abs(W).sum() + rank * np.abs(update.B).max() * np.abs(update.A).max() * d * k
    difference = merged(W, update) @ x - forward(W, update, x)
    assert np.abs(difference).max() <= 1e-14 * size * np.abs(x).max()


def test_merging_refuses_another_shape():
    with pytest.raises(ValueError, match="must be equal"):
        merged(np.eye(3), LowRank(np.ones((3, 1)), np.ones((1, 2))))


def test_alpha_follows_the_rank_until_it_is_set():
    view = MergeExplorer()
    for rank in (1, 3, 6):
        view.rank = rank
        assert view.scale == 2.0
    view.alpha = 8
    view.rank = 4
    assert view.scale == 2.0
    view.use_rslora = True
    assert view.scale == 4.0
    view.alpha = None
    assert view.scale == pytest.approx(2 * 4 / 2)
    with pytest.raises(ValueError, match="alpha"):
        view.alpha = -1


def test_the_model_starts_identical():
    view = MergeExplorer()
    np.testing.assert_array_equal(merged(view.W, view.update), view.W)
    np.testing.assert_array_equal(forward(view.W, view.update, view.x), view.W @ view.x)


def test_factors_and_input_can_be_set_and_survive_a_change_of_rank():
    rng = np.random.default_rng(1)
    B, A, x = rng.standard_normal((6, 3)), rng.standard_normal((3, 6)), np.arange(6)
    view = MergeExplorer(B=B, A=A, x=x.tolist())
    assert view.rank == 3
    view.rank = 1
    np.testing.assert_array_equal(view.B, B[:, :1])
    view.rank = 3
    np.testing.assert_array_equal(view.A, A)
    np.testing.assert_array_equal(view.x, x)
    view.param.update(B=B[:, :2], A=A[:2])
    assert view.rank == 2


def test_each_adapter_keeps_its_factors_and_w_is_untouched():
    view = MergeExplorer()
    W = view.W.copy()
    first = view.update.todense()
    view.adapter = 2
    second = view.update.todense()
    view.adapter = 1
    np.testing.assert_array_equal(view.update.todense(), first)
    assert np.abs(second).max() > 0
    np.testing.assert_array_equal(view.W, W)
    with pytest.raises(ValueError, match="read-only"):
        view.W[0, 0] = 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"B": np.ones((5, 2))}, "make them equal"),
        ({"B": np.ones((6, 3))}, "must be equal, the rank"),
        ({"B": np.full((6, 2), np.nan)}, "finite"),
        ({"B": np.ones((6, 7)), "A": np.ones((7, 6))}, "at most 6"),
        ({"x": np.ones(5)}, "6 finite numbers"),
        ({"x": np.full(6, np.inf)}, "6 finite numbers"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_the_view_as_it_was(wrong, sentence):
    view = MergeExplorer()
    before = {name: getattr(view, name) for name in ("rank", "B", "A", "x")}
    with pytest.raises(ValueError, match=sentence):
        view.param.update(**wrong)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(view, name), value)
    with pytest.raises(ValueError, match=sentence):
        MergeExplorer(**wrong)


@pytest.mark.parametrize(
    ("W", "sentence"),
    [
        ([[1, 2], [3]], "row 1 has 1 entries"),
        (np.zeros((MOST_ENTRIES, 2)), "more than the 4,194,304"),
    ],
)
def test_weights_that_are_refused_leave_a_notice_and_the_default(W, sentence):
    view = MergeExplorer(W)
    assert sentence in view.notice
    assert view.notice.endswith("showing the default weights instead.")
    np.testing.assert_array_equal(view.W, MergeExplorer().W)


def test_a_target_must_have_the_shape_of_w():
    with pytest.raises(ValueError, match="make them equal"):
        MergeExplorer(np.eye(4), target=np.eye(3))


def test_large_weights_offer_fewer_ranks_and_an_adapter_as_target():
    rng = np.random.default_rng(2)
    W = rng.standard_normal((200, 100)).astype(np.float32)
    pair = LowRank(rng.standard_normal((200, 5)), rng.standard_normal((5, 100)), 0.5)
    view = MergeExplorer(W, target=pair, rank=10_000)
    assert view.rank == MOST_DIRECTIONS
    held = page_of(view).best
    assert held["complete"]
    np.testing.assert_allclose(
        (held["U"].reshape(200, 5) * held["s"]) @ held["Vh"].reshape(5, 100), pair.todense()
    )
    assert page_of(view).frozen.dtype == np.float32


def test_page_and_python_follow_each_other():
    view = MergeExplorer()
    page = page_of(view)
    view.param.update(rank=3, alpha=5, adapter=2)
    assert (page.rank, page.alpha, page.adapter) == (3, 5, 2)
    page.adapters = [page.adapters[0], start("random", 9)]  # as the browser does
    np.testing.assert_array_equal(view.B, drawn_factors(9, (6, 6), 3)[0])
    page.input = {"seed": 4, "x": None}
    np.testing.assert_array_equal(view.x, uniform(4, "x", 6))
    view.param.update(B=np.ones((6, 1)), A=np.ones((1, 6)))
    assert page.rank == 1
    assert page.adapters[1]["start"] == "own"


def test_rank_and_alpha_may_be_references():
    slider = pn.widgets.IntSlider(value=2, start=1, end=6)
    view = MergeExplorer(rank=slider, alpha=slider.param.value)
    slider.value = 5
    assert (view.rank, view.scale) == (5, 1.0)
    page_of(view).rank = 4
    assert slider.value == 4
