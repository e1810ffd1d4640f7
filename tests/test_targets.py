"""Each synthetic target tells the story that it promises."""

import numpy as np
import pytest

from lora_bokeh import spectrum, targets


def test_default_target_has_the_published_readouts_at_rank_1():
    computed = spectrum(targets.two_directions())
    assert targets.two_directions().shape == (8, 8)
    assert round(computed.frobenius_residual(1), 3) == 4.572
    assert round(100 * computed.captured_energy(1), 1) == 90.8


def test_default_target_drops_twice_then_plateaus():
    s = spectrum(targets.two_directions()).s
    assert s[0] > 3 * s[1] > 9 * s[2]
    assert s[2] < 2 * s[-1]


def test_clean_target_is_reached_exactly_at_its_rank():
    residual = spectrum(targets.clean(rank=3)).frobenius_residual()
    assert residual[1] > 1
    np.testing.assert_allclose(residual[2:], 0, atol=1e-13)


def test_flat_target_captures_r_of_n():
    energy = spectrum(targets.flat(16)).captured_energy()
    np.testing.assert_allclose(energy, np.arange(1, 17) / 16, rtol=1e-12)


def test_power_law_has_its_exponent():
    s = spectrum(targets.power_law(exponent=0.7)).s
    np.testing.assert_allclose(s[0] / s, np.arange(1, 65) ** 0.7, rtol=1e-10)


def test_low_rank_plus_noise_has_a_gap_after_its_rank():
    s = spectrum(targets.low_rank_plus_noise(rank=4)).s
    ratios = s[:-1] / s[1:]
    assert ratios.argmax() == 3


def test_noise_fills_its_ranks_like_marchenko_and_pastur():
    m, n = 480, 320
    s = spectrum(targets.noise((m, n))).s
    assert s[0] == pytest.approx(np.sqrt(m) + np.sqrt(n), rel=0.03)
    assert s[-1] == pytest.approx(np.sqrt(m) - np.sqrt(n), rel=0.1)


def test_gallery_is_the_same_every_time_and_has_a_story_each():
    again = targets.gallery.__wrapped__()
    for first, second in zip(targets.gallery(), again, strict=True):
        np.testing.assert_array_equal(first.matrix, second.matrix)
        assert first.story.endswith(".")
        assert first.name == second.name
