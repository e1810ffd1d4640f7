"""A file with many matrices in the browser: search, sort, choose, plan, map, rules, drop."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from safetensors.numpy import load_file, save_file

from lora_bokeh import save_html
from lora_bokeh.views.adapter.view import AdapterExplorer
from tests.browser.explorer_page import ExplorerPage


@pytest.fixture(scope="module")
def adapter(tmp_path_factory) -> Path:
    """Twelve pairs by number, rank 6, whose spectra fall at different speeds."""
    rng = np.random.default_rng(0)
    tensors = {}
    for i in range(12):
        weights = np.exp(-0.1 * (i + 1) * np.arange(6))
        tensors[f"w_b_{i:03d}"] = (rng.standard_normal((40, 6)) * weights).astype(np.float32)
        tensors[f"w_a_{i:03d}"] = rng.standard_normal((6, 30)).astype(np.float32)
    path = tmp_path_factory.mktemp("adapter") / "pairs.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture
def report(adapter, tmp_path, open_tab):
    """The exported report, opened with the network cut."""

    def open_report(**options) -> ExplorerPage:
        save_html(AdapterExplorer(adapter), tmp_path / "report.html")
        return ExplorerPage(open_tab(tmp_path / "report.html", **options).page)

    return open_report


def names(explorer: ExplorerPage) -> list[str]:
    rows = explorer.root.get_by_role("region", name="matrices").locator("tbody tr")
    return [row.get_by_role("rowheader").inner_text().strip("▸ ") for row in rows.all()]


def stable_ranks(adapter: Path) -> dict[str, float]:
    tensors = load_file(adapter)
    products = {f"w_{i:03d}": tensors[f"w_b_{i:03d}"] @ tensors[f"w_a_{i:03d}"] for i in range(12)}
    return {
        name: np.linalg.norm(w) ** 2 / np.linalg.norm(w, 2) ** 2 for name, w in products.items()
    }


def test_list_is_searched_sorted_and_chosen_from(report, adapter):
    explorer = report()
    assert names(explorer) == [f"w_{i:03d}" for i in range(12)]
    explorer.root.get_by_role("searchbox", name="search matrices").fill("01")
    assert names(explorer) == ["w_001", "w_010", "w_011"]
    expect(explorer.root.get_by_text("3 of 12 matrices")).to_be_visible()
    explorer.root.get_by_role("searchbox").fill("")
    stable = explorer.root.get_by_role("columnheader", name="stable")
    stable.get_by_role("button").click()
    expect(stable).to_have_attribute("aria-sort", "ascending")
    by_stable_rank = sorted(names(explorer), key=stable_ranks(adapter).__getitem__)
    assert names(explorer) == by_stable_rank
    stable.get_by_role("button").click()
    assert names(explorer) == by_stable_rank[::-1]
    chosen = explorer.root.get_by_role("button", name="w_007")
    chosen.focus()
    explorer.page.keyboard.press("Enter")
    expect(explorer.root.get_by_role("button", name="w_007")).to_be_focused()
    expect(explorer.root.get_by_role("button", name="w_007")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(explorer.root.get_by_role("combobox", name="target")).to_have_value("w_007")


def test_plan_shows_what_it_keeps_and_the_command(report, adapter):
    explorer = report(reduced_motion="reduce")
    plan = explorer.root.get_by_role("region", name="resize")
    expect(plan.get_by_text("95 % of each matrix's energy")).to_be_visible()
    expect(plan.locator("code")).to_have_text(
        f"lora-bokeh resize {adapter} -o resized --rule energy --threshold 0.95"
    )
    plan.get_by_role("radio", name="one rank").check()
    plan.get_by_role("slider", name="plan").press("End")
    expect(plan.get_by_text("rank 6: ")).to_contain_text(re.compile(r"\(10\d\.\d % of"))
    expect(plan.get_by_text("rank 6: ")).to_contain_text("100.0 % of the energy retained")
    plan.get_by_role("slider", name="plan").press("Home")
    expect(plan.locator("code")).to_contain_text("--rank 1")
    cells = explorer.root.get_by_role("region", name="matrices").locator("tbody tr td:last-child")
    assert cells.all_inner_texts() == ["1"] * 12
    assert explorer.drawn("map", "cells")["rank"] == [1] * 12
    plan.get_by_role("radio", name="budget").check()
    expect(plan.get_by_text("budget of ")).to_be_visible()


def test_map_chooses_a_matrix(report):
    explorer = report(width=1280)
    figure = explorer.root.get_by_role("figure", name=re.compile("Rank kept by layer"))
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    explorer.page.mouse.click(box["x"] + 0.97 * box["width"], box["y"] + 20)
    expect(explorer.root.get_by_role("combobox", name="target")).to_have_value("w_011")


def test_rules_set_the_rank(report):
    explorer = report()
    rules = explorer.root.get_by_role("region", name="rank rules")
    energy = rules.get_by_role("button", name=re.compile("^captured energy"))
    needed = int(energy.inner_text())
    energy.click()
    assert explorer.rank == needed
    assert float(explorer.readouts()["Captured energy"][1]) >= 0.9
    threshold = rules.get_by_role("slider", name="threshold")
    threshold.press("End")
    expect(threshold).to_have_attribute("aria-valuetext", "99.9 %")
    rules.get_by_role("button", name=re.compile("^captured energy")).click()
    assert float(explorer.readouts()["Captured energy"][1]) >= 0.999


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_report_has_no_accessibility_fault(report, violations, scheme, width):
    explorer = report(color_scheme=scheme, width=width)
    assert violations(explorer.page) == []
    assert explorer.page.evaluate("document.documentElement.scrollWidth") <= width


def test_file_is_dropped_on_the_page(adapter, serve_command, open_tab, violations):
    address = serve_command("panel", "serve", "apps/adapter.py", "--port", "0")
    page = open_tab(address).page
    ExplorerPage(page)
    assert violations(page) == []
    message = page.locator(".message").get_by_role("status")
    expect(message).to_have_text("")
    page.locator("input[type=file]").set_input_files(adapter)
    expect(message).to_have_text("pairs.safetensors is open: 12 LoRA pairs")
    expect(page.get_by_text("12 matrices")).to_be_visible()
    python = Path(sys.executable).resolve()
    page.locator("input[type=file]").set_input_files(python)
    expect(message).to_contain_text(f"{python.name}: unknown kind of file")
    assert violations(page) == []
    expect(page.get_by_text("12 matrices")).to_be_visible()


def test_served_checkpoint_reads_a_matrix_when_it_is_chosen(tmp_path, serve_view, open_tab):
    weights = {f"layers.{i}.w": np.random.default_rng(i).standard_normal((9, 7)) for i in range(3)}
    save_file(weights, tmp_path / "model.safetensors")
    address = serve_view(lambda: AdapterExplorer(tmp_path / "model.safetensors"))
    explorer = ExplorerPage(open_tab(address, reduced_motion="reduce").page)
    explorer.root.get_by_role("button", name="layers.2.w").click()
    expect(explorer.root.get_by_text("layers.2.w · 9 × 7")).to_be_visible()
    explorer.slider.press("Home")
    s = np.linalg.svd(weights["layers.2.w"], compute_uv=False)
    residual = float(explorer.readouts()["Frobenius residual"][1])
    assert residual == pytest.approx(np.linalg.norm(s[1:]))
