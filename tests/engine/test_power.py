"""The forecast of convergence: straight lines through the logarithms of the errors."""

import math

import numpy as np

from lora_bokeh.engine.forecast import Forecast


def test_nothing_is_expected_of_errors_that_do_not_fall():
    forecast = Forecast()
    forecast.update(100, np.array([1e4, 1e6]))
    assert forecast.size == forecast.last == forecast.mean == math.inf
    forecast.update(120, np.array([1e4, 1e6]))
    assert forecast.size == forecast.last == forecast.mean == math.inf


def test_one_look_counts_from_the_start():
    forecast = Forecast()
    forecast.update(64, np.array([0.1, 0.5, 1e4, 1e6]))
    assert forecast.mean == math.inf
    assert math.isclose(forecast.last, 128)
    assert forecast.size == forecast.last


def test_a_decade_per_ten_and_a_value_per_ten():
    forecast = Forecast()
    forecast.update(100, np.array([1e4, 1e6, 1e8]))
    forecast.update(110, np.array([1e0, 1e6, 1e9]))
    assert math.isclose(forecast.mean, 110 + 10 * 5 / 1)
    assert math.isclose(forecast.last, 130)
    assert math.isclose(forecast.size, 145)


def test_errors_within_what_is_allowed():
    forecast = Forecast()
    forecast.update(100, np.array([1e4]))
    forecast.update(110, np.array([0.5]))
    assert forecast.size == forecast.last == forecast.mean == 110
