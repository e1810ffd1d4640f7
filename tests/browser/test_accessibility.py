"""Roles, names, focus, contrast, and both colour schemes at both widths."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from lora_bokeh import FactorizationPlot, LoraExplorer, RankExplorer, save_html
from tests.browser.explorer_page import ExplorerPage

VIEWS = [FactorizationPlot, RankExplorer, LoraExplorer]


@pytest.fixture
def open_file(tmp_path, open_tab):
    """Save a view and open the file."""

    def open_one(view, **options):
        save_html(view, tmp_path / "page.html")
        return ExplorerPage(open_tab(tmp_path / "page.html", **options).page)

    return open_one


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", VIEWS)
def test_axe_finds_nothing_in_the_file(make, scheme, width, open_file, violations):
    explorer = open_file(make(), color_scheme=scheme, width=width)
    assert violations(explorer.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_served_page(scheme, serve_command, open_tab, violations):
    address = serve_command("lora_bokeh", "serve", "--no-show", "--port", "0")
    explorer = ExplorerPage(open_tab(address, color_scheme=scheme).page)
    assert violations(explorer.page) == []


def test_axe_finds_nothing_under_panel_serve(serve_command, open_tab, violations):
    address = serve_command("panel", "serve", "apps/explorer.py", "--port", "0")
    explorer = ExplorerPage(open_tab(address).page)
    assert violations(explorer.page) == []


@pytest.mark.parametrize("make", VIEWS)
def test_nothing_is_wider_than_a_telephone(make, open_file):
    explorer = open_file(make(), width=390)
    assert explorer.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_figures_state_dimensions_and_counts(open_file):
    explorer = open_file(LoraExplorer())
    factors, curve = explorer.figures.all()[:2]
    expect(factors).to_have_attribute(
        "aria-label",
        "Factorization: ΔW (8 × 8) = B (8 × 1) · A (1 × 8). "
        "LoRA 16 of 64 parameters, 75.0 % saved.",
    )
    expect(curve).to_have_attribute(
        "aria-label",
        "Frobenius residual of the 8 × 8 target against rank 1 to 8: 4.572 at rank 1. "
        "LoRA 16 of 64 parameters, 75.0 % saved.",
    )


def test_live_region_speaks_once_a_settled_change(open_file):
    explorer = open_file(LoraExplorer())
    explorer.status.evaluate(
        """(status) => {
            window.said = [];
            new MutationObserver(() => said.push(status.textContent))
                .observe(status, { childList: true, characterData: true, subtree: true });
        }"""
    )
    explorer.slider.evaluate(  # from within the page: no key may come late on a busy machine
        """(slider) => [2, 3, 4, 5].forEach((rank) => {
            slider.value = rank;
            slider.dispatchEvent(new Event("input"));
        })"""
    )
    explorer.settled()
    explorer.page.wait_for_timeout(500)
    said = explorer.page.evaluate("said")
    assert len(said) == 1
    assert said[0].startswith("Rank 5: Frobenius residual")
    expect(explorer.status).to_have_attribute("aria-live", "polite")


def test_focus_is_visible_on_every_control(open_file):
    explorer = open_file(LoraExplorer())
    seen = []
    for _ in range(3):
        explorer.page.keyboard.press("Tab")
        seen.append(
            explorer.page.evaluate(
                """() => {
                    let at = document.activeElement;
                    while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                    const ring = getComputedStyle(at.type === "radio" ? at.parentElement : at);
                    return [at.type, ring.outlineStyle, parseFloat(ring.outlineWidth)];
                }"""
            )
        )
    assert seen == [["range", "solid", 3], ["radio", "solid", 3], ["select-one", "solid", 3]]


def test_figures_follow_the_colour_scheme_live(open_file):
    explorer = open_file(LoraExplorer(), color_scheme="light")
    ink = """() => Bokeh.documents[0].all_models ? [...Bokeh.documents[0]._all_models.values()]
        .find((model) => model.type === "Figure" && model.name === "curve")
        .renderers.find((r) => r.name === "curve").glyph.line_color.value : null"""
    light = explorer.page.evaluate(ink)
    explorer.page.emulate_media(color_scheme="dark")
    explorer.page.wait_for_function(f"(light) => ({ink})() !== light", arg=light)
    explorer.page.emulate_media(color_scheme="light")
    explorer.page.wait_for_function(f"(light) => ({ink})() === light", arg=light)


def test_dimensions_can_be_typed_and_dragged(open_file):
    explorer = open_file(FactorizationPlot())
    rows = explorer.root.get_by_role("spinbutton", name="rows d")
    rows.fill("4096")
    rows.press("Enter")
    columns = explorer.root.get_by_role("slider", name="columns k")
    columns.press("End")
    expect(columns).to_have_value("4096")
    shown = explorer.readouts()
    assert shown["Full ΔW d·k"] == ("16.8M", "exactly 16,777,216 parameters")
    assert shown["LoRA B·A r(d + k)"] == ("65.5K", "exactly 65,536 parameters")
    assert shown["Savings"][0] == "99.6 %"
    assert explorer.drawn("factors", "note")["text"] == ["* 3 px thick, to be seen: not to scale"]
    explorer.slider.press("End")
    expect(explorer.slider).to_have_value("2048")


def test_options_of_the_factorization(open_file):
    explorer = open_file(FactorizationPlot(show_full_matrix=False, show_parameter_count=False))
    expect(explorer.root.get_by_text("Savings")).to_be_hidden()
    explorer.page.wait_for_function("() => Bokeh.documents[0].is_idle")
    assert explorer.drawn("factors", "full")["name"] == []
    assert sorted(explorer.drawn("factors", "factors")["name"]) == ["A", "B"]


def test_refused_matrix_leaves_a_notice_and_the_default_target(open_file):
    explorer = open_file(RankExplorer([[1, 2], [3]]))
    expect(
        explorer.root.get_by_text(re.compile("row 1 has 1 entries.*default target"))
    ).to_be_visible()
    assert explorer.readouts()["Frobenius residual"][0] == "4.572"
