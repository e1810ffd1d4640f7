"""Roles, names, focus, contrast, and both colour schemes at both widths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import lora_bokeh
from lora_bokeh import FactorizationPlot, LoraExplorer, RankExplorer
from tests.browser.explorer_page import ExplorerPage, eventually, let_settle

VIEWS = [FactorizationPlot, RankExplorer, LoraExplorer]
PALETTE = (Path(lora_bokeh.__file__).parent / "css" / "palette.css").read_text("utf-8")
PALETTES = {  # a block of declarations for each scheme, the light one first
    scheme: dict(re.findall(r"--([\w-]+): (#\w+);", block))
    for scheme, block in zip(("light", "dark"), PALETTE.split(":host(["), strict=True)
}


@pytest.fixture
def open_file(open_file):
    """Open the file of an explorer."""
    return lambda view, **options: ExplorerPage(open_file(view, **options).page)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", VIEWS)
def test_axe_finds_nothing_in_the_file(make, scheme, width, open_file, violations):
    explorer = open_file(make, color_scheme=scheme, width=width)
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
    explorer = open_file(make, width=390)
    assert explorer.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_figures_state_dimensions_and_counts(open_file):
    explorer = open_file(LoraExplorer)
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
    explorer = open_file(LoraExplorer)
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
    let_settle(explorer.page)
    said = explorer.page.evaluate("said")
    assert len(said) == 1
    assert said[0].startswith("Rank 5: Frobenius residual")
    expect(explorer.status).to_have_attribute("aria-live", "polite")


def test_focus_is_visible_on_every_control(open_file):
    explorer = open_file(LoraExplorer)
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
    page = open_file(LoraExplorer, color_scheme="light").page
    names = painted(page).keys()
    assert {"ink", "muted", "rule", "accent"} <= names
    for scheme in ("dark", "light", "dark"):
        page.emulate_media(color_scheme=scheme)
        palette = PALETTES[scheme]
        eventually(page, lambda palette=palette: painted(page), {n: [palette[n]] for n in names})
    assert PALETTES["light"]["ink"] != PALETTES["dark"]["ink"]


def painted(page: Page) -> dict[str, list[str]]:
    """Return what is painted in each colour of the palette, by its name, in all figures."""
    return page.evaluate(
        """() => {
            const painted = {};
            const models = Bokeh.documents[0].roots().flatMap((root) => [...root.references()]);
            for (const model of models) {
                const themed = model.tags?.find((tag) => tag?.themed)?.themed ?? {};
                for (const [property, name] of Object.entries(themed)) {
                    const colour = model[property]?.value ?? model[property];
                    if (typeof colour === "string") (painted[name] ??= new Set()).add(colour);
                }
            }
            return Object.fromEntries(
                Object.entries(painted).map(([name, colours]) => [name, [...colours]]));
        }"""
    )


def test_dimensions_can_be_typed_and_dragged(open_file):
    explorer = open_file(FactorizationPlot, reduced_motion="reduce")
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
    assert explorer.drawn("factors", "full")["name"] == []
    assert sorted(explorer.drawn("factors", "factors")["name"]) == ["A", "B"]


def test_refused_matrix_leaves_a_notice_and_the_default_target(open_file):
    explorer = open_file(RankExplorer([[1, 2], [3]]))
    expect(
        explorer.root.get_by_text(re.compile("row 1 has 1 entries.*default target"))
    ).to_be_visible()
    assert explorer.readouts()["Frobenius residual"][0] == "4.572"
