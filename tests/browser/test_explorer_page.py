"""The explorer in a real browser: the same script drives the exported file and the served page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import panel as pn
import pytest
from playwright.sync_api import expect

from lora_bokeh import LoraExplorer, RankExplorer
from lora_bokeh.targets import gallery, two_directions
from tests.browser.explorer_page import ExplorerPage

HOSTS = ("file", "server")


@pytest.fixture(params=HOSTS)
def host(request, serve_view, open_file, open_tab):
    """Open a view's factory in a tab, from a file with the network cut or from a server."""

    def open_in(factory, **options):
        if request.param == "server":
            return open_tab(serve_view(factory), **options)
        return open_file(factory if isinstance(factory, type) else factory(), **options)

    return open_in


def truth(matrix: np.ndarray, rank: int) -> dict[str, float]:
    s = np.linalg.svd(matrix, compute_uv=False)
    return {
        "Frobenius residual": np.sqrt(np.sum(s[rank:] ** 2)),
        "Spectral residual σr+1": s[rank] if rank < len(s) else 0.0,
        "Captured energy": np.sum(s[:rank] ** 2) / np.sum(matrix**2),
    }


def assert_readouts(explorer: ExplorerPage, matrix: np.ndarray, rank: int, tol=1e-12) -> None:
    shown = explorer.readouts()
    for label, value in truth(matrix, rank).items():
        assert float(shown[label][1]) == pytest.approx(value, abs=tol * np.linalg.norm(matrix))


def test_published_figures_of_the_default_target(host):
    explorer = ExplorerPage(host(LoraExplorer).page)
    shown = explorer.readouts()
    assert shown["Frobenius residual"][0] == "4.572"
    assert shown["Captured energy"][0] == "90.8 %"
    assert shown["Savings"][0] == "75.0 %"
    expect(explorer.status).to_have_text(
        "Rank 1: Frobenius residual 4.572, captured energy 90.8 %. "
        "LoRA 16 of 64 parameters, 75.0 % saved."
    )


@pytest.mark.parametrize("metric", ["Frobenius", "spectral"])
def test_keyboard_walks_every_rank_and_the_readouts_are_numpys(host, metric):
    explorer = ExplorerPage(host(lambda: LoraExplorer(metric=metric.lower())).page)
    matrix = two_directions()
    explorer.slider.focus()
    for rank in range(1, 9):
        assert explorer.rank == rank
        assert_readouts(explorer, matrix, rank)
        expect(explorer.slider).to_have_attribute(
            "aria-valuetext", f"rank {rank} of 8, {16 * rank} parameters"
        )
        expect(explorer.curve).to_have_attribute(
            "aria-label", re.compile(f"{metric} residual of the 8 × 8 .* at rank {rank}\\.")
        )
        assert f"{metric} residual" in explorer.settled()
        explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("Home")
    assert explorer.rank == 1
    explorer.page.keyboard.press("End")
    assert explorer.rank == 8
    assert explorer.readouts()["Savings"][0] == "−100.0 %"
    expect(explorer.root.get_by_text("Past break-even")).to_be_visible()


def test_metric_is_chosen_by_keyboard_and_redraws_the_curve(host):
    explorer = ExplorerPage(host(LoraExplorer, reduced_motion="reduce").page)
    s = np.linalg.svd(two_directions(), compute_uv=False)
    explorer.metric("Frobenius").focus()
    explorer.page.keyboard.press("ArrowRight")
    expect(explorer.metric("spectral")).to_be_checked()
    expect(explorer.root.get_by_text("‖ΔW − BA‖₂ = σr+1")).to_be_visible()
    expect(explorer.status).to_contain_text("spectral residual")
    np.testing.assert_allclose(
        explorer.drawn("curve", "curve")["residual"], [*s[1:], 0], atol=1e-12
    )


def test_every_target_of_the_gallery_is_live(host):
    explorer = ExplorerPage(host(LoraExplorer, reduced_motion="reduce").page)
    for target in gallery():
        explorer.choose_target(target.name)
        expect(explorer.root.get_by_text(target.story)).to_be_visible()
        end = min(target.matrix.shape)
        explorer.slider.press("End")
        assert explorer.rank == end
        explorer.slider.press("Home")
        for rank in (1, 2, 3):
            assert explorer.rank == rank
            assert_readouts(explorer, target.matrix, rank)
            explorer.slider.press("ArrowRight")


def test_rank_is_cut_to_a_smaller_target(host):
    explorer = ExplorerPage(host(LoraExplorer).page)
    explorer.choose_target("power law")
    explorer.slider.press("End")
    assert explorer.rank == 64
    explorer.choose_target("flat")
    expect(explorer.slider).to_have_value("16")
    expect(explorer.status).to_contain_text("Rank 16: Frobenius residual")


def test_pointer_on_the_curve_sets_the_rank(host):
    explorer = ExplorerPage(host(LoraExplorer).page)
    box = explorer.curve.bounding_box()
    mouse = explorer.page.mouse
    mouse.click(box["x"] + 0.55 * box["width"], box["y"] + 100)
    expect(explorer.slider).not_to_have_value("1")
    clicked = explorer.rank
    assert 4 <= clicked <= 6
    mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 120)
    mouse.down()
    mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 120, steps=8)
    mouse.up()
    expect(explorer.slider).not_to_have_value(str(clicked))
    assert explorer.rank > clicked
    explorer.settled()


def test_pointer_may_rest_on_the_curve_before_it_drags(open_file):
    explorer = ExplorerPage(open_file(LoraExplorer(rank=8)).page)
    box = explorer.curve.bounding_box()
    mouse, middle = explorer.page.mouse, box["y"] + 120
    mouse.move(box["x"] + 0.3 * box["width"], middle)
    mouse.down()
    expect(explorer.slider).not_to_have_value("8")
    held = explorer.rank
    mouse.move(box["x"] + 0.7 * box["width"], middle, steps=8)
    expect(explorer.slider).not_to_have_value(str(held))
    mouse.up()
    explorer.settled()
    dragged = explorer.rank
    assert held < dragged < 8
    mouse.move(box["x"] + 0.4 * box["width"], middle, steps=8)
    explorer.settled()
    assert explorer.rank == dragged


def test_two_explorers_on_a_page_are_independent(open_file):
    both = pn.Column(RankExplorer(), RankExplorer(np.eye(4)[:3], rank=2))
    page = open_file(both, reduced_motion="reduce").page
    first, second = ExplorerPage(page, 0), ExplorerPage(page, 1)
    first.slider.press("End")
    first.metric("spectral").check()
    assert (first.rank, second.rank) == (8, 2)
    expect(second.metric("Frobenius")).to_be_checked()
    assert second.readouts()["Captured energy"][0] == "66.7 %"
    expect(first.status).to_contain_text("Rank 8: spectral residual 0, captured energy 100.0 %")
    np.testing.assert_allclose(first.drawn("curve", "marker")["rank"], [8])
    np.testing.assert_allclose(second.drawn("curve", "marker")["rank"], [2])


@pytest.mark.parametrize("name", ["query", "ffn"])
def test_real_matrix(host, shared_data: Path, name):
    matrix = np.load(shared_data / f"minilm_l6_layer0_{name}.npy")
    explorer = ExplorerPage(host(lambda: LoraExplorer(matrix, rank=1, name=name)).page)
    for key in ("Home", "PageUp", "End", "PageDown", "ArrowLeft"):
        explorer.slider.press(key)
        assert_readouts(explorer, matrix.astype(float), explorer.rank, tol=1e-6)
