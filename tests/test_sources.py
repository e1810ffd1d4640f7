"""What the page holds of a target equals the spectrum and the matrix."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh import LowRank, spectrum
from lora_bokeh.sources import TEXTURE_SIDE, ZERO, curve_source, page_target, rank_ticks, texture


@given(st.integers(1, 20_000))
def test_ticks_name_both_ends_and_do_not_crowd(last):
    ticks = rank_ticks(last)
    assert ticks[0] == 1
    assert ticks[-1] == last
    assert len(ticks) <= 10
    assert np.all(np.diff(ticks) >= 0.09 * last) or last <= 10


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 9))
def test_texture_is_the_block_means_on_a_scale_centred_at_zero(m, n, seed):
    matrix = np.random.default_rng(seed).standard_normal((m, n))
    levels = texture(matrix)
    rows, columns = (np.array_split(np.arange(size), min(size, TEXTURE_SIDE)) for size in (m, n))
    means = np.array([[matrix[np.ix_(r, c)].mean() for c in columns] for r in rows])
    np.testing.assert_allclose(levels, ZERO + ZERO * means / np.abs(means).max(), atol=0.5001)
    assert levels.dtype == np.uint8


def test_texture_of_zeros_is_zero_everywhere():
    np.testing.assert_array_equal(texture(np.zeros((3, 200))), ZERO)


def test_texture_of_factors_is_that_of_their_product():
    rng = np.random.default_rng(0)
    pair = LowRank(rng.standard_normal((250, 4)), rng.standard_normal((4, 130)))
    difference = texture(pair).astype(int) - texture(pair.B @ pair.A)
    assert np.abs(difference).max() <= 1


def test_source_holds_the_curve_in_the_metric_shown():
    matrix = np.random.default_rng(0).standard_normal((6, 9))
    computed = spectrum(matrix)
    target = page_target("W", matrix, computed)
    for metric in ("frobenius", "spectral"):
        source = curve_source(target, metric)
        np.testing.assert_array_equal(source.data["residual"], target[metric])
    np.testing.assert_array_equal(target["rank"], np.arange(1, 7))
    np.testing.assert_allclose(
        target["frobenius"], [np.linalg.norm(computed.s[r:]) for r in range(1, 7)], atol=1e-13
    )
    assert (target["shape"], target["scale"]) == ([6, 9], 1.0)
