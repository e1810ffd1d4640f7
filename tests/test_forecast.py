"""The forecast of convergence: straight lines through the logarithms of the errors."""

import math

import numpy as np

from lora_bokeh.forecast import Forecast


def test_nothing_is_expected_of_one_look_or_of_errors_that_do_not_fall():
    forecast = Forecast()
    forecast.update(100, np.array([1e4, 1e6]))
    assert forecast.worst == forecast.mean == math.inf
    forecast.update(120, np.array([1e4, 1e6]))
    assert forecast.worst == forecast.mean == math.inf


def test_a_decade_per_ten():
    forecast = Forecast()
    forecast.update(100, np.array([1e4, 1e6]))
    forecast.update(110, np.array([1e3, 1e5]))
    assert math.isclose(forecast.worst, 160)
    assert math.isclose(forecast.mean, 150)


def test_errors_within_what_is_allowed():
    forecast = Forecast()
    forecast.update(100, np.array([1e4]))
    forecast.update(110, np.array([0.5]))
    assert forecast.worst == forecast.mean == 110
