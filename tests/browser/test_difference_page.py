"""The page of tuned − base in the browser: its rounding floor, its list, its map."""

from __future__ import annotations

import re
import shlex

import ml_dtypes
import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import expect
from safetensors.numpy import load_file, save_file

from lora_bokeh import save_html
from lora_bokeh.cli import main
from lora_bokeh.loading.open import difference
from lora_bokeh.views.adapter.view import AdapterExplorer
from lora_bokeh.views.for_file import view_of
from tests.browser.explorer_page import ExplorerPage

LAYERS, RANK = 3, 4


@pytest.fixture(scope="module")
def delta(tmp_path_factory):
    """Tuned − base in bfloat16: three layers, moved in four directions each."""
    rng = np.random.default_rng(0)
    base, tuned = {}, {}
    for layer in range(LAYERS):
        name = f"layers.{layer}.q_proj.weight"
        w = 0.03 * rng.standard_normal((96, 64))
        moved = w + 0.002 * rng.standard_normal((96, RANK)) @ rng.standard_normal((RANK, 64))
        base[name], tuned[name] = (x.astype(ml_dtypes.bfloat16) for x in (w, moved))
    folder = tmp_path_factory.mktemp("models")
    for name, tensors in {"base": base, "tuned": tuned}.items():
        save_file(tensors, folder / f"{name}.safetensors")
    return difference(folder / "base.safetensors", folder / "tuned.safetensors")


@pytest.fixture
def report(delta, tmp_path, open_tab):
    """The exported page, opened with the network cut."""

    def open_report(**options) -> ExplorerPage:
        save_html(AdapterExplorer(delta), tmp_path / "report.html")
        options = {"reduced_motion": "reduce", **options}
        return ExplorerPage(open_tab(tmp_path / "report.html", **options).page)

    return open_report


def test_floor_is_drawn_named_and_said(report, delta):
    explorer = report()
    entry = delta.entries[0]
    s = np.linalg.svd(entry.read().astype(float), compute_uv=False)
    residual = np.sqrt(np.cumsum(s[::-1] ** 2))[::-1]  # of rank 0, 1, …
    for metric, floor, left in [
        ("Frobenius", entry.rounding_error().frobenius, residual[1:]),
        ("spectral", entry.rounding_error().edge, s[1:]),
    ]:
        explorer.metric(metric).check()
        first = int(np.argmax(left <= floor)) + 1
        curve = explorer.root.get_by_role("figure", name=re.compile(f"^{metric} residual"))
        name = re.compile(rf"Rounding floor [\d.e−]+, reached at rank {first}\.")
        expect(curve).to_have_attribute("aria-label", name)
        assert explorer.drawn("curve", "floor")["y"] == pytest.approx([floor])
        assert explorer.drawn("curve", "floor-name")["text"][0].startswith("rounding floor ")
        assert float(explorer.readouts()["Rounding floor"][1].split()[-1]) == pytest.approx(floor)
    explorer.slider.fill(str(first - 1))
    assert "floor" not in explorer.settled()
    explorer.slider.press("ArrowRight")
    assert explorer.settled().endswith("Below the rounding floor.")
    expect(explorer.root.get_by_text("what is left is no more than rounding")).to_be_visible()


def test_rule_above_the_floor_counts_what_is_above_its_edge(report, delta):
    explorer = report()
    entry = delta.entries[0]
    s = np.linalg.svd(entry.read().astype(float), compute_uv=False)
    rules = explorer.root.get_by_role("region", name="rank rules")
    rule = rules.get_by_role("button", name=re.compile("^above the rounding floor"))
    assert int(rule.inner_text()) == np.sum(s > entry.rounding_error().edge) == RANK
    rule.click()
    assert explorer.rank == RANK


def test_matrix_without_a_floor_has_no_line_and_no_rule(tmp_path, open_tab):
    np.save(tmp_path / "w.npy", np.eye(6))
    save_html(view_of(tmp_path / "w.npy"), tmp_path / "w.html")
    explorer = ExplorerPage(open_tab(tmp_path / "w.html").page)
    assert explorer.drawn("curve", "floor")["y"] == []
    rules = explorer.root.get_by_role("region", name="rank rules")
    expect(rules.get_by_role("button", name=re.compile("rounding floor"))).to_have_count(0)
    assert "Rounding floor" not in explorer.readouts()


def listed(explorer: ExplorerPage) -> dict[str, list[str]]:
    """Return the list: name → what its row says of it."""
    rows = explorer.root.get_by_role("region", name="matrices").locator("tbody tr").all()
    return {
        row.get_by_role("rowheader").inner_text().strip("▸ "): row.locator("td").all_inner_texts()
        for row in rows
    }


def needs(entry) -> list[int]:
    """Return the ranks for 90, 95 and 99 % of the energy, and the rank above the floor."""
    s = np.linalg.svd(entry.read().astype(float), compute_uv=False)
    shares = np.cumsum(s**2) / np.sum(s**2)
    above = int(np.sum(s > entry.rounding_error().edge))
    return [*(int(np.argmax(shares >= t)) + 1 for t in (0.9, 0.95, 0.99)), above]


def test_file_holds_what_was_computed_and_says_what_was_not(report, delta):
    explorer = report()
    first, *others = delta.entries
    rows = listed(explorer)
    assert [int(rows[first.name][i]) for i in (1, 2, 3, 5)] == needs(first)
    for entry in others:
        assert rows[entry.name][1:] == ["–"] * 5
        expect(explorer.root.get_by_role("button", name=entry.name)).to_be_disabled()
    expect(explorer.root.get_by_role("button", name="Compute all")).to_be_hidden()


def test_file_of_all_holds_every_curve(delta, tmp_path, open_tab):
    view = AdapterExplorer(delta)
    view.read_all()
    save_html(view, tmp_path / "all.html")
    explorer = ExplorerPage(open_tab(tmp_path / "all.html", reduced_motion="reduce").page)
    rows = listed(explorer)
    for entry in delta.entries:
        assert [int(rows[entry.name][i]) for i in (1, 2, 3, 5)] == needs(entry)
    ranks = explorer.drawn("map", "cells")["rank"]
    assert ranks == [needs(entry)[1] for entry in delta.entries]
    explorer.root.get_by_role("button", name=delta.entries[2].name).click()
    floor = delta.entries[2].rounding_error().frobenius
    assert explorer.drawn("curve", "floor")["y"] == pytest.approx([floor])


def test_served_page_computes_all_when_asked(delta, serve_view, open_tab):
    explorer = ExplorerPage(open_tab(serve_view(lambda: AdapterExplorer(delta))).page)
    survey = explorer.root.get_by_role("button", name="Compute all")
    survey.click()
    expect(survey).to_be_hidden()
    expect(explorer.root.get_by_role("region", name="matrices").get_by_text("–")).to_have_count(0)
    rows = listed(explorer)
    for entry in delta.entries:
        assert [int(rows[entry.name][i]) for i in (1, 2, 3, 5)] == needs(entry)
    explorer.root.get_by_role("button", name=delta.entries[1].name).click()
    expect(explorer.root.get_by_text(f"{delta.entries[1].name} · 96 × 64")).to_be_visible()


def test_command_that_the_page_shows_writes_what_it_says(
    delta, serve_view, open_tab, tmp_path, monkeypatch
):
    explorer = ExplorerPage(open_tab(serve_view(lambda: AdapterExplorer(delta))).page)
    plan = explorer.root.get_by_role("region", name="extract")
    expect(plan.get_by_text("Compute all matrices")).to_be_visible()
    expect(plan.get_by_role("slider")).to_be_hidden()
    explorer.root.get_by_role("button", name="Compute all").click()
    plan.get_by_role("radio", name="one rank").check()
    plan.get_by_role("slider", name="plan").press("Home")
    plan.get_by_role("slider", name="plan").press("ArrowRight")
    expect(explorer.root.get_by_role("region", name="Rank kept, by layer")).to_be_visible()
    cells = explorer.root.get_by_role("region", name="matrices").locator("tbody tr td:last-child")
    assert cells.all_inner_texts() == ["2"] * LAYERS
    said = plan.get_by_text("rank 2: ").inner_text()
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(plan.locator("code").inner_text())
    done = CliRunner().invoke(main, arguments)
    assert (program, done.exit_code) == ("lora-bokeh", 0), done.output
    written = tmp_path / "extracted" / "adapter_model.safetensors"
    assert f": {written.stat().st_size / 1000:.2f} kB (" in said
    assert f", {100 * captured(written, delta):.1f} % of the energy retained" in said


def captured(adapter, delta) -> float:
    """Return 1 − ‖ΔW − B·A‖²/‖ΔW‖² over all matrices, from the file, in float64."""
    tensors, full, left = load_file(adapter), 0.0, 0.0
    for entry in delta.entries:
        key = f"base_model.model.{entry.name.removesuffix('.weight')}"
        B, A = (tensors[f"{key}.lora_{x}.weight"].astype(float) for x in "BA")
        w = entry.read().astype(float)
        full, left = full + np.sum(w**2), left + np.sum((w - B @ A) ** 2)
    return 1 - left / full


def test_command_serves_a_difference(delta, serve_command, open_tab):
    base = delta.path.with_name("base.safetensors")
    options = ("--base", base, "--no-show", "--port", "0")
    address = serve_command("lora_bokeh", "serve", delta.path, *options)
    explorer = ExplorerPage(open_tab(address).page)
    expect(explorer.page).to_have_title("tuned.safetensors − base.safetensors")
    explorer.root.get_by_role("button", name=delta.entries[1].name).press("Enter")
    expect(explorer.root.get_by_text(f"{delta.entries[1].name} · 96 × 64")).to_be_visible()
    expect(explorer.root.get_by_role("button", name=delta.entries[1].name)).to_be_focused()


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_page_has_no_accessibility_fault(report, violations, scheme, width):
    explorer = report(color_scheme=scheme, width=width)
    assert violations(explorer.page) == []
    assert explorer.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture
def place(call):
    """Return the box that the name of a floor takes beside a curve, of those offered."""
    frame = {"left": 0.5, "right": 64.5, "low": -0.03, "high": 1.1}
    pixel = {"x": 64 / 700, "y": 1.13 / 300}

    def placed(values, floor):
        boxes = call("explorer/floor.mjs", "boxesAlong", floor, "rounding floor 0.1", frame, pixel)
        return call("explorer/floor.mjs", "freeBox", boxes, {"high": values}, [])

    return placed


def test_name_of_the_floor_keeps_clear_of_the_curve(place):
    rng = np.random.default_rng(1)
    for _ in range(40):
        values = np.sort(rng.random(64) ** rng.uniform(0.3, 6))[::-1]
        floor = rng.uniform(0.1, 0.9)
        box = place(values.tolist(), floor)
        ranks = np.linspace(max(box["left"], 1), min(box["right"], 64), 200)
        drawn = np.interp(ranks, np.arange(1, 65), values)
        assert not np.any((drawn > box["low"]) & (drawn < box["high"]))
