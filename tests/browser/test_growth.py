"""A large matrix on the page: there at once, growing, cancelled, continued, carried away."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_bokeh import LoraExplorer, save_html
from tests.browser.explorer_page import ExplorerPage

COMPUTED = re.compile(r"singular values computed: (\d+) of 1,500")


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.standard_normal((size, 300)))[0] for size in (2000, 1500))
    matrix = (U * np.arange(1, 301) ** -0.4) @ V.T
    matrix.flags.writeable = False
    return matrix


def test_curve_grows_while_the_slider_moves_and_ranks_can_be_added(matrix, serve_view, open_tab):
    views = []

    def make() -> LoraExplorer:
        views.append(LoraExplorer(matrix, name="large", max_rank=32))
        return views[-1]

    explorer = ExplorerPage(open_tab(serve_view(make)).page)
    assert explorer.rank == 8
    explorer.slider.press("ArrowRight")
    assert explorer.rank == 9
    expect(explorer.root.get_by_text(COMPUTED)).to_contain_text("32 of 1,500", timeout=60_000)
    s = np.linalg.svd(matrix, compute_uv=False)
    exact = explorer.readouts()["Frobenius residual"][1]
    assert float(exact) == pytest.approx(np.linalg.norm(s[9:]), rel=1e-9)
    explorer.root.get_by_role("button", name="More ranks").click()
    expect(explorer.root.get_by_text(COMPUTED)).to_contain_text("64 of 1,500", timeout=60_000)
    explorer.slider.press("End")
    assert explorer.rank == 128
    assert explorer.readouts()["Captured energy"][0].startswith("at least")
    assert "residual at most" in explorer.settled()
    assert views[-1].rank == 128


def test_cancel_stops_and_keeps_what_is_known(matrix, serve_view, open_tab):
    views = []

    def make() -> LoraExplorer:
        views.append(LoraExplorer(matrix, name="large", max_rank=180))
        return views[-1]

    explorer = ExplorerPage(open_tab(serve_view(make)).page)
    expect(explorer.root.get_by_role("progressbar", name="singular values")).to_be_visible()
    explorer.root.get_by_role("button", name="Cancel").click()
    expect(explorer.root.get_by_text(COMPUTED)).to_be_visible(timeout=60_000)
    expect(explorer.root.get_by_role("button", name="More ranks")).to_be_visible()
    views[-1]._given._computation.wait()


def test_file_holds_what_was_computed_with_its_band(matrix, tmp_path, open_tab, violations):
    view = LoraExplorer(matrix, name="large", max_rank=8)
    save_html(view, tmp_path / "page.html")
    explorer = ExplorerPage(open_tab(tmp_path / "page.html", reduced_motion="reduce").page)
    expect(explorer.root.get_by_text(COMPUTED)).to_contain_text("8 of 1,500")
    expect(explorer.root.get_by_role("button", name="More ranks")).to_be_hidden()
    explorer.slider.press("End")
    assert explorer.rank == 16
    assert explorer.readouts()["Frobenius residual"][0].startswith("at most")
    band = explorer.drawn("curve", "band")
    assert band["rank"] == list(range(8, 17))
    assert all(low <= high for low, high in zip(band["low"], band["high"], strict=True))
    assert violations(explorer.page) == []
