"""Training against its slow twin, against the floor, and past what a learning rate can bear."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_bokeh import LowRank, Training, targets, train
from lora_bokeh.training import descent
from lora_bokeh.training.train import INITS, OPTIMIZERS, TrainingRun
from tests.helpers import naive

W = targets.noise((8, 8), seed=0)
ROUNDING = 1e-13  # of ‖W‖_F/√(mn): what the square root of a loss may be below that of the floor


@st.composite
def target_matrices(draw):
    """Any entries, or few directions; of either precision."""
    m, n = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        k = draw(st.integers(1, 3))
        size = 10.0 ** draw(st.integers(-3, 3))
        return (size * rng.normal(size=(m, k)) @ rng.normal(size=(k, n))).astype(dtype)
    entries = st.floats(-100, 100, width=32)
    return draw(hnp.arrays(dtype, (m, n), elements=entries))


def floor(W, rank):
    return np.sum(naive.singular_values(W)[rank:] ** 2) / np.size(W)


def size(W):
    return np.sqrt(np.mean(np.asarray(W, np.float64) ** 2))


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.01), ("sgd", 1.0)])
@pytest.mark.parametrize("rank", [1, 2, 5, 8])
def test_losses_are_those_of_the_twin(optimizer, rate, rank):
    training = train(W, rank, optimizer=optimizer, learning_rate=rate, steps=900)
    twin = naive.train(W, rank, 900, rate, adam=optimizer == "adam")
    np.testing.assert_allclose(training.loss[::100], twin[::100], rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(training.floor, floor(W, rank), rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("shape", [(3, 5), (40, 30), (160, 200)])
def test_rectangles_and_scales(shape):
    target = targets.noise(shape)
    training = train(target, 3, lora_alpha=6, use_rslora=True, learning_rate=0.003, steps=60)
    assert training.scale == 6 / np.sqrt(3)
    twin = naive.train(target, 3, 60, 0.003, scale=training.scale)
    np.testing.assert_allclose(training.loss, twin, rtol=1e-9)
    product = training.scale * training.B @ training.A
    np.testing.assert_allclose(training.loss[-1], np.mean((target - product) ** 2), rtol=1e-9)


@pytest.fixture(params=["loops", "panels"])
def way(request, monkeypatch):
    """Train small targets in the way of small ones, and in that of large ones."""
    if request.param == "panels":
        monkeypatch.setattr(descent, "LOOPS_UP_TO", 0)


@pytest.mark.parametrize("shape", [(160, 200), (1, 7), (1100, 500)])
def test_both_ways_take_the_steps_of_the_twin(shape, way):
    target, rank = targets.noise(shape), min(*shape, 5)
    training = train(target, rank, learning_rate=0.01, steps=12)
    np.testing.assert_allclose(training.loss, naive.train(target, rank, 12, 0.01), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pairs_are_trained_towards_their_product(dtype, way):
    rng = np.random.default_rng(0)
    B, A = rng.normal(size=(190, 4)).astype(dtype), rng.normal(size=(4, 210)).astype(dtype)
    pair, dense = LowRank(B, A, 0.5), 0.5 * B.astype(np.float64) @ A.astype(np.float64)
    ours, theirs = (train(target, 3, steps=50) for target in (pair, dense))
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-5)
    np.testing.assert_allclose(ours.floor, floor(dense, 3), rtol=1e-9)


@given(target_matrices(), st.data())
def test_nothing_gets_below_the_floor(target, data):
    rank = data.draw(st.integers(1, min(target.shape)))
    training = train(
        target,
        rank,
        optimizer=data.draw(st.sampled_from(OPTIMIZERS)),
        learning_rate=data.draw(st.floats(1e-4, 1e3)),
        init=data.draw(st.sampled_from(INITS)),
        seed=data.draw(st.integers(0, 9)),
        steps=data.draw(st.integers(0, 300)),
    )
    known = training.loss[: training.diverged]
    assert np.isfinite(known).all()
    assert (np.sqrt(known) >= np.sqrt(training.floor) - ROUNDING * size(target)).all()
    assert (training.above_floor()[: training.diverged] >= 0).all()


@given(target_matrices(), st.data())
def test_the_floor_is_that_of_lapack(target, data):
    rank = data.draw(st.integers(1, min(target.shape)))
    ours, theirs = train(target, rank, steps=0).floor, floor(target, rank)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12 * size(target) ** 2)
    assert ours <= theirs + 1e-14 * size(target) ** 2


def test_plain_descent_reaches_the_floor_at_its_usual_rate():
    training = train(W, 2, optimizer="sgd")
    assert training.above_floor()[-1] < 1e-9
    assert training.improvement()[-1] == pytest.approx(1 - training.floor / training.loss[0])


@pytest.mark.parametrize("init", ["lora", "random"])
@pytest.mark.parametrize("size", [10, 1, 0.1, 0.05, 0.01, 1e-3, 1e-6])
@pytest.mark.parametrize("options", [{}, {"lora_alpha": 32}, {"lora_alpha": 0.1}])
def test_plain_descent_never_climbs_at_its_usual_rate(init, size, options):
    target = np.random.default_rng(0).standard_normal((64, 48))
    target *= size / np.linalg.norm(target, 2)
    training = train(target, 4, optimizer="sgd", init=init, steps=300, **options)
    assert training.diverged is None
    assert np.all(np.diff(training.loss) <= 1e-12 * training.loss[0])
    assert training.loss[-1] < training.loss[0]


def test_a_rate_above_the_limit_comes_to_no_rest():
    limit = 64 / (2 * naive.singular_values(W)[0])
    below, above = (
        train(W, 2, optimizer="sgd", learning_rate=share * limit) for share in (0.9, 1.1)
    )
    assert below.above_floor()[-1] < 1e-9
    assert not above.above_floor()[-1] < 1e-3


def test_divergence_is_caught_and_said():
    training = train(W, 2, optimizer="sgd", learning_rate=100.0, steps=400)
    assert 1 <= training.diverged < 50
    assert len(training.loss) == 401
    assert np.isfinite(training.loss[: training.diverged]).all()
    assert np.isnan(training.loss[training.diverged :]).all()
    assert np.isnan(training.above_floor()[-1])
    with pytest.raises(ValueError, match="diverged at step"):
        training.adapter  # noqa: B018


def test_divergence_in_both_ways(way):
    target = targets.noise((60, 50))
    assert train(target, 2, optimizer="sgd", learning_rate=1e9, steps=20).diverged is not None


def test_first_gradients_by_start():
    lora, zeros, random = (train(W, 2, init=init, steps=50) for init in ("lora", "zeros", "random"))
    assert lora.gradient_norms.A == 0 < lora.gradient_norms.B
    assert zeros.gradient_norms == (0, 0)
    assert min(random.gradient_norms) > 0
    assert zeros.stuck
    assert not lora.stuck
    assert (zeros.loss == zeros.loss[0]).all()
    assert lora.loss[0] == pytest.approx(np.mean(W**2))


def test_first_gradient_is_the_slope_of_the_loss():
    """Central differences at a random start, where neither gradient is zero."""
    run = TrainingRun(W, 2, init="random", optimizer="sgd", learning_rate=1e-6)
    before = run.training
    run.advance(1)
    slope = (run.training.loss[0] - run.training.loss[1]) / 1e-6
    squared = before.gradient_norms.A**2 + before.gradient_norms.B**2
    assert slope == pytest.approx(squared, rel=1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_that_is_continued_is_the_whole_run(optimizer):
    run = TrainingRun(W, 3, optimizer=optimizer)
    for steps in (1, 0, 49, 50):
        run.advance(steps)
    whole = train(W, 3, optimizer=optimizer, steps=100)
    np.testing.assert_array_equal(run.training.loss, whole.loss)
    np.testing.assert_array_equal(run.training.B, whole.B)


def test_same_seed_same_bits():
    first, second, other = (train(W, 2, seed=seed, steps=20).loss for seed in (4, 4, 5))
    assert (first == second).all()
    assert (first[1:] != other[1:]).any()


def test_the_result_is_an_adapter():
    training = train(W, 2)
    assert isinstance(training, Training)
    assert training.adapter.shape == (8, 8)
    np.testing.assert_allclose(training.adapter.todense(), naive.approximation(W, 2), atol=1e-3)


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (W, {"rank": 9}, "rank must be between 1 and 8, got 9"),
        (W, {"rank": 2, "optimizer": "lion"}, "optimizer must be one of adam, sgd, got 'lion'"),
        (W, {"rank": 2, "init": "ones"}, "init must be one of lora, zeros, random, got 'ones'"),
        (W, {"rank": 2, "learning_rate": -1}, "learning_rate must be a positive number, got -1"),
        (W, {"rank": 2, "learning_rate": np.nan}, "learning_rate must be a positive number"),
        (W, {"rank": 2, "lora_alpha": 0}, "lora_alpha must be a positive number, got 0"),
        (W, {"rank": 2, "steps": -1}, "steps must be between 0 and"),
        (W, {"rank": 2, "seed": -1}, "seed must not be negative, got -1"),
        ([[1, np.inf]], {"rank": 1}, "every entry must be finite"),
        ([[1e200]], {"rank": 1}, "overflows float64; scale it down first"),
    ],
)
def test_refusals(target, options, message):
    with pytest.raises(ValueError, match=message):
        train(target, **options)


def test_nothing_to_learn():
    training = train(np.zeros((4, 3)), 2, optimizer="sgd")
    assert (training.loss == 0).all()
    assert training.floor == 0
    assert (training.improvement() == 0).all()
