"""A large matrix on the page: there at once, growing, cancelled, continued, carried away."""

from __future__ import annotations

import re
from threading import Event

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_bokeh import LoraExplorer
from lora_bokeh.engine.power import PowerSVD
from lora_bokeh.jobs import spectrum
from tests.browser.explorer_page import ExplorerPage, eventually
from tests.helpers import matrices

COMPUTING = re.compile(r"computing singular values: [1-9]\d* of ")
COMPUTED = re.compile(r"singular values computed: (\d+) of 1,500")
LONG = 60_000  # ms, for what is computed by kernels that may have to be compiled first


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    return matrices.falling(2000, 1500, rank=300, power=0.4)


@pytest.fixture
def let_go(monkeypatch):
    """Hold the iteration from its first values on until this is called: no machine is too fast."""
    gate = Event()
    advance = PowerSVD.advance

    def held(engine: PowerSVD, k: int) -> None:
        if engine.converged:
            gate.wait()
        advance(engine, k)

    def let_go() -> None:
        monkeypatch.undo()
        gate.set()

    monkeypatch.setattr(PowerSVD, "advance", held)
    monkeypatch.setattr(spectrum, "BETWEEN_REPORTS", 0)  # the first values are told at once
    yield let_go
    let_go()


@pytest.fixture
def open_growing(matrix, let_go, serve_view, open_tab):
    """Serve a view that computes so many ranks; return its page, with the first, and the view."""

    def open_one(max_rank: int) -> tuple[ExplorerPage, LoraExplorer]:
        views = []

        def make() -> LoraExplorer:
            views.append(LoraExplorer(matrix, name="large", max_rank=max_rank))
            return views[-1]

        explorer = ExplorerPage(open_tab(serve_view(make), reduced_motion="reduce").page)
        expect(explorer.root.get_by_text(COMPUTING)).to_be_visible(timeout=LONG)
        return explorer, views[-1]

    return open_one


def known(explorer: ExplorerPage) -> int:
    """Return how many ranks the drawn curve has."""
    return len(explorer.drawn("curve", "curve")["rank"])


def test_curve_grows_while_the_slider_moves_and_ranks_can_be_added(matrix, let_go, open_growing):
    explorer, view = open_growing(32)
    bar = explorer.root.get_by_role("progressbar", name="singular values computed")
    expect(bar).to_be_visible()
    first = known(explorer)
    assert 1 <= first < 9
    assert explorer.rank == 8
    explorer.slider.press("ArrowRight")
    assert explorer.rank == 9
    assert explorer.readouts()["Frobenius residual"][0].startswith("at most")
    eventually(explorer.page, lambda: view.rank, 9)
    let_go()
    expect(explorer.root.get_by_text(COMPUTED)).to_contain_text("32 of 1,500", timeout=LONG)
    expect(bar).to_be_hidden()
    assert known(explorer) == 32
    s = np.linalg.svd(matrix, compute_uv=False)
    exact = explorer.readouts()["Frobenius residual"][1]
    assert float(exact) == pytest.approx(np.linalg.norm(s[9:]), rel=1e-9)
    explorer.root.get_by_role("button", name="More ranks").click()
    expect(explorer.root.get_by_text(COMPUTED)).to_contain_text("64 of 1,500", timeout=LONG)
    explorer.slider.press("End")
    assert explorer.rank == 128
    assert explorer.readouts()["Captured energy"][0].startswith("at least")
    assert "residual at most" in explorer.settled()
    eventually(explorer.page, lambda: view.rank, 128)


def test_cancel_stops_and_keeps_what_is_known(let_go, open_growing):
    explorer, view = open_growing(180)
    first = known(explorer)
    assert 1 <= first < 180
    explorer.root.get_by_role("button", name="Cancel").click()
    expect(explorer.root.get_by_text(COMPUTED)).to_contain_text(f"{first} of 1,500")
    expect(explorer.root.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(explorer.root.get_by_role("button", name="More ranks")).to_be_visible()
    let_go()
    computation = view._given._computation
    computation.wait()
    assert len(computation.spectrum.s) == known(explorer) == first


def test_file_holds_what_was_computed_with_its_band(matrix, open_file, violations):
    view = LoraExplorer(matrix, name="large", max_rank=8)
    explorer = ExplorerPage(open_file(view, reduced_motion="reduce").page)
    expect(explorer.root.get_by_text(COMPUTED)).to_contain_text("8 of 1,500")
    expect(explorer.root.get_by_role("button", name="More ranks")).to_be_hidden()
    explorer.slider.press("End")
    assert explorer.rank == 16
    assert explorer.readouts()["Frobenius residual"][0].startswith("at most")
    band = explorer.drawn("curve", "band")
    assert band["rank"] == list(range(8, 17))
    assert all(low <= high for low, high in zip(band["low"], band["high"], strict=True))
    assert violations(explorer.page) == []
