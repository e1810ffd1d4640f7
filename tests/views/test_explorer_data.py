"""What the page holds of a target equals the spectrum and the matrix."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh import spectrum
from lora_bokeh.views.shared.sources import curve_source, page_target, rank_ticks, speckle


@given(st.integers(1, 20_000))
def test_ticks_name_both_ends_and_do_not_crowd(last):
    ticks = rank_ticks(last)
    assert ticks[0] == 1
    assert ticks[-1] == last
    assert len(ticks) <= 10
    assert np.all(np.diff(ticks) >= 0.09 * last) or last <= 10


def test_speckle_is_muted_and_centred():
    levels = speckle()
    assert levels.dtype == np.int8
    assert (levels.min(), levels.max()) == (-42, 42)


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
