"""The pure functions of the page against NumPy's numbers, in the browser that runs them."""

from __future__ import annotations

import numpy as np
import pytest

from lora_bokeh.engine.spectrum import spectrum
from lora_bokeh.targets import power_law
from lora_bokeh.views.shared.sources import curve_columns, page_target


def test_counts_read_as_published(call):
    numbers = [0, 64, 999, 1024, 4096, 65_536, 16_777_216, 2_500_000_000]
    texts = ["0", "64", "999", "1.0K", "4.1K", "65.5K", "16.8M", "2.5B"]
    assert [call("shared/numbers.mjs", "formatCount", n) for n in numbers] == texts
    assert call("shared/numbers.mjs", "formatExact", 16_777_216) == "16,777,216"


def test_four_significant_digits_are_numpys(call):
    rng = np.random.default_rng(0)
    for x in rng.standard_normal(60) * 10.0 ** rng.integers(-12, 12, 60):
        text = call("shared/numbers.mjs", "formatSignificant", x)
        assert float(text.replace("−", "-")) == pytest.approx(x, rel=5.001e-4)
        assert sum(c.isdigit() for c in text.split("e")[0].lstrip("−0.")) == 4
    assert call("shared/numbers.mjs", "formatSignificant", 0) == "0"


def test_percentages_keep_one_decimal_and_a_true_minus(call):
    shares = [0.75, 0.99609375, 1, 0, -1, -0.00001]
    texts = ["75.0 %", "99.6 %", "100.0 %", "0.0 %", "−100.0 %", "0.0 %"]
    assert [call("shared/numbers.mjs", "formatPercent", x) for x in shares] == texts


@pytest.mark.parametrize(("d", "k", "rank"), [(64, 64, 8), (4096, 4096, 8), (10, 3, 3)])
def test_counts_are_the_arithmetic_of_lora(call, d, k, rank):
    counts = call("shared/lora.mjs", "counts", d, k, rank)
    B, A = np.empty((d, rank)), np.empty((rank, k))
    assert (counts["full"], counts["lora"]) == (d * k, B.size + A.size)
    assert counts["savings"] == pytest.approx(1 - (B.size + A.size) / (d * k))


def test_curve_is_read_between_ranks_on_the_drawn_line(call):
    values = [5.0, 3.0, 2.0, 0.0]
    for rank in np.linspace(1, 4, 13):
        expected = np.interp(rank, [1, 2, 3, 4], values)
        assert call("shared/lora.mjs", "along", values, rank) == pytest.approx(expected)


def test_look_up_at_each_rank_is_the_spectrum(call):
    matrix = power_law()
    computed = spectrum(matrix)
    target = page_target("power law", matrix, computed)
    curve = {name: np.asarray(target[name]).tolist() for name in target}
    for rank in (1, 17, 64):
        for quantity, value in (
            ("frobenius", computed.frobenius_residual(rank)),
            ("spectral", computed.spectral_residual(rank)),
            ("captured", computed.captured_energy(rank)),
        ):
            at = call("shared/lora.mjs", "atRank", curve, quantity, rank)
            assert (at["value"], at["exact"]) == (value, True)


def test_past_the_last_value_a_residual_is_at_most_and_an_energy_at_least(call):
    matrix = power_law()
    computed = spectrum(matrix, 8)
    held = curve_columns(computed)
    plain = {k: v.tolist() for k, v in held.items() if isinstance(v, np.ndarray)}
    curve = {**plain, "low": {k: v.tolist() for k, v in held["low"].items()}}
    assert [call("shared/lora.mjs", "exactRanks", curve, q) for q in ("frobenius", "spectral")] == [
        8,
        7,
    ]
    s = np.linalg.svd(matrix, compute_uv=False)
    for rank in (9, 12, 16):
        truth = {
            "frobenius": np.linalg.norm(s[rank:]),
            "spectral": s[rank],
            "captured": np.sum(s[:rank] ** 2) / np.sum(s**2),
        }
        for quantity, value in truth.items():
            at = call("shared/lora.mjs", "atRank", curve, quantity, rank)
            assert min(at["value"], at["other"]) <= value <= max(at["value"], at["other"])
            word = "at least" if quantity == "captured" else "at most"
            assert call("explorer/words.mjs", "quantityText", curve, quantity, rank).startswith(
                word
            )


SIZES = [(64, 64, 8), (4096, 4096, 1), (1536, 384, 100), (384, 1536, 3), (2, 4096, 1), (8, 8, 8)]


@pytest.mark.parametrize("width", [300, 640, 1100])
@pytest.mark.parametrize(("d", "k", "rank"), SIZES)
def test_blocks_are_to_scale_and_within_the_frame(call, d, k, rank, width):
    stage = {"width": width, "height": 240, "d": d, "k": k, "end": min(d, k), "showFull": True}
    layout = call("explorer/geometry.mjs", "layoutBlocks", {**stage, "rank": rank})
    unit, thinnest = layout["unit"], 3
    shapes = {"ΔW": (d, k), "B": (d, rank), "A": (rank, k)}
    for block in layout["blocks"]:
        rows, columns = shapes[block["name"]]
        assert block["h"] == pytest.approx(max(rows * unit, thinnest))
        assert block["w"] == pytest.approx(max(columns * unit, thinnest))
        assert block["thin"] == (min(rows, columns) * unit < thinnest)
        assert block["x"] >= 0
        assert block["x"] + block["w"] <= width + 1
        assert block["y"] + block["h"] <= 240 - 40
    places = [block["x"] for block in layout["blocks"]]
    assert places == sorted(places)


def test_full_block_stands_still_while_the_rank_moves(call):
    stage = {"width": 700, "height": 240, "d": 64, "k": 48, "end": 24, "showFull": True}
    full = [
        call("explorer/geometry.mjs", "layoutBlocks", {**stage, "rank": r})["blocks"][0]
        for r in (1, 24)
    ]
    assert full[0] == full[1]


def test_spring_is_the_critically_damped_oscillator_whatever_the_frame(call):
    omega, target, start = 13.0, 60.0, {"x": 1.0, "v": 20.0}
    t = 0.25
    offset = start["x"] - target
    exact = target + (offset + (start["v"] + omega * offset) * t) * np.exp(-omega * t)
    for frames in (1, 7, 60):
        state = start
        for _ in range(frames):
            state = call("shared/spring.mjs", "stepSpring", state, target, omega, t / frames)
        assert state["x"] == pytest.approx(exact)
