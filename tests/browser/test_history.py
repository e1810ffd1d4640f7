"""A view's state in the page's address, its undo and redo, its bookmarks."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import panel as pn
import pytest
from playwright.sync_api import Page, expect
from safetensors.numpy import save_file

from lora_bokeh import FactorizationPlot, LoraExplorer, RankExplorer, save_html
from lora_bokeh.views.adapter.view import AdapterExplorer
from tests.browser.explorer_page import ExplorerPage, eventually

DRAG = """(slider) => {
    for (const rank of [3, 4, 5]) {
        slider.value = rank;
        slider.dispatchEvent(new Event("input"));
    }
}"""


def state_in(page: Page) -> dict[str, str]:
    return {name: texts[0] for name, texts in parse_qs(urlsplit(page.url).fragment).items()}


def test_link_brings_back_the_state_and_its_readouts(address_of, open_tab):
    address = address_of(LoraExplorer)
    sent = ExplorerPage(open_tab(address, reduced_motion="reduce").page)
    assert "#" not in sent.page.url
    sent.choose_target("power law")
    sent.metric("spectral").check()
    for _ in range(4):
        sent.slider.press("PageUp")
    sent.page.wait_for_url(re.compile(f"rank={sent.rank}&metric=spectral"))
    assert state_in(sent.page) == {
        "target": "power law",
        "rank": str(sent.rank),
        "metric": "spectral",
    }
    received = ExplorerPage(open_tab(sent.page.url, reduced_motion="reduce").page)
    expect(received.slider).to_have_value(str(sent.rank))
    expect(received.metric("spectral")).to_be_checked()
    assert received.readouts() == sent.readouts()
    assert received.settled() == sent.settled()
    assert received.drawn("curve", "marker")["text"] == sent.drawn("curve", "marker")["text"]


def test_link_beyond_what_there_is_is_cut_and_said(address_of, open_tab):
    link = address_of(LoraExplorer) + "#rank=99&target=nowhere&metric=spectral&colour=red&top"
    explorer = ExplorerPage(open_tab(link).page)
    expect(explorer.slider).to_have_value("8")
    expect(explorer.metric("spectral")).to_be_checked()
    notice = explorer.root.get_by_text("The link asks for")
    expect(notice).to_have_text(
        "The link asks for target=nowhere and colour=red, which means nothing here. "
        "The link asks for rank 99; the nearest here is 8."
    )
    explorer.page.wait_for_url(re.compile("#top&target="))
    assert "colour" not in explorer.page.url
    explorer.slider.press("Home")
    expect(notice).to_be_hidden()


def test_link_and_undo_carry_the_threshold_of_the_rules(address_of, open_tab):
    address = address_of(LoraExplorer)
    sent = ExplorerPage(open_tab(address).page)
    rules = sent.root.get_by_role("region", name="rank rules")
    threshold = rules.get_by_role("slider", name="threshold")
    expect(threshold).to_have_attribute("aria-valuetext", "90 %")
    threshold.press("ArrowRight")
    expect(sent.page).to_have_url(re.compile("threshold=0.95$"))
    received = ExplorerPage(open_tab(sent.page.url).page)
    same = received.root.get_by_role("region", name="rank rules")
    expect(same.get_by_role("slider", name="threshold")).to_have_attribute("aria-valuetext", "95 %")
    assert same.inner_text() == rules.inner_text()
    sent.root.get_by_role("button", name="Undo").click()
    expect(threshold).to_have_attribute("aria-valuetext", "90 %")
    cut = ExplorerPage(open_tab(address + "#threshold=0.42").page)
    expect(cut.root.get_by_text("The link asks for threshold 0.42; the nearest")).to_be_visible()


def test_view_in_python_hears_of_the_link(serve_view, open_tab):
    views = []
    address = serve_view(lambda: views.append(LoraExplorer()) or views[-1])
    explorer = ExplorerPage(open_tab(address + "#rank=3&metric=spectral&alpha=32").page)
    expect(explorer.slider).to_have_value("3")

    def heard() -> tuple[int, str, float]:
        return views[-1].rank, views[-1].metric, views[-1].alpha

    eventually(explorer.page, heard, (3, "spectral", 32))


def test_link_to_a_matrix_that_python_has_to_read_first(tmp_path, serve_view, open_tab):
    weights = {f"layers.{i}.w": np.random.default_rng(i).standard_normal((9, 7)) for i in range(3)}
    save_file(weights, tmp_path / "model.safetensors")
    address = serve_view(lambda: AdapterExplorer(tmp_path / "model.safetensors"))
    explorer = ExplorerPage(open_tab(address + "#target=layers.2.w&rank=4").page)
    expect(explorer.root.get_by_text("layers.2.w · 9 × 7")).to_be_visible()
    expect(explorer.slider).to_have_value("4")
    explorer.page.wait_for_url(re.compile("target=layers.2.w&rank=4&metric=frobenius"))
    s = np.linalg.svd(weights["layers.2.w"], compute_uv=False)
    residual = float(explorer.readouts()["Frobenius residual"][1])
    assert residual == pytest.approx(np.linalg.norm(s[4:]))


def test_link_typed_into_the_address_is_followed(address_of, open_tab):
    address = address_of(LoraExplorer)
    explorer = ExplorerPage(open_tab(address).page)
    explorer.page.evaluate("location.hash = 'rank=5'")
    expect(explorer.slider).to_have_value("5")
    before = explorer.page.evaluate("history.length")
    for _ in range(3):
        explorer.slider.press("ArrowRight")
    explorer.page.wait_for_url(re.compile("rank=8"))
    assert explorer.page.evaluate("history.length") == before


def test_explorers_of_a_page_share_the_address(address_of, open_tab):
    address = address_of(lambda: pn.Column(RankExplorer(), RankExplorer(np.eye(4)[:3], rank=2)))
    page = open_tab(address).page
    ExplorerPage(page, 1).slider.press("End")
    page.wait_for_url(re.compile("#2.target=W&2.rank=3"))
    ExplorerPage(page, 0).slider.press("End")
    page.wait_for_url(re.compile("2.rank=3.*&rank=8"))
    again = open_tab(page.url).page
    expect(ExplorerPage(again, 0).slider).to_have_value("8")
    expect(ExplorerPage(again, 1).slider).to_have_value("3")


def test_shape_of_a_factorization_is_in_the_link_within_its_bounds(tmp_path, open_tab):
    save_html(FactorizationPlot(), tmp_path / "page.html")
    link = (tmp_path / "page.html").as_uri() + "#d=100000&k=100&rank=20"
    explorer = ExplorerPage(open_tab(link).page)
    expect(explorer.root.get_by_role("spinbutton", name="rows d")).to_have_value("4096")
    expect(explorer.root.get_by_role("spinbutton", name="columns k")).to_have_value("100")
    expect(explorer.slider).to_have_value("20")


@pytest.fixture
def explorer(tmp_path, open_tab) -> ExplorerPage:
    """The gallery's explorer, in a file."""
    save_html(LoraExplorer(rank=2), tmp_path / "page.html")
    return ExplorerPage(open_tab(tmp_path / "page.html", reduced_motion="reduce").page)


def settle(explorer: ExplorerPage) -> None:
    """Wait until a change has become a step: the address follows it."""
    explorer.page.wait_for_url(re.compile(f"rank={explorer.rank}(&|$)"))


def test_each_settled_change_is_one_step_back_and_forth(explorer):
    undo = explorer.root.get_by_role("button", name="Undo")
    redo = explorer.root.get_by_role("button", name="Redo")
    expect(undo).to_have_attribute("aria-disabled", "true")
    explorer.slider.evaluate(DRAG)
    settle(explorer)
    explorer.choose_target("flat")
    explorer.page.wait_for_url(re.compile("target=flat"))
    explorer.slider.press("End")
    undo.click()  # takes back what has not settled too
    assert (explorer.rank, state_in(explorer.page)["target"]) == (5, "flat")
    explorer.page.keyboard.press("Control+z")
    assert explorer.readouts()["Full ΔW d·k"][0] == "64"
    assert explorer.rank == 5
    undo.press("Control+z")
    assert explorer.rank == 2
    expect(undo).to_have_attribute("aria-disabled", "true")
    undo.press("Control+Shift+z")
    redo.click()
    redo.press("Control+y")
    assert explorer.rank == 16
    expect(redo).to_have_attribute("aria-disabled", "true")
    undo.click()
    explorer.slider.press("Home")
    settle(explorer)
    expect(redo).to_have_attribute("aria-disabled", "true")
    assert "rank 1:" in explorer.settled().lower()


def test_drag_with_a_pause_is_one_step(explorer):
    box = explorer.slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    mouse = explorer.page.mouse
    mouse.move(box["x"] + 0.15 * box["width"], middle)
    mouse.down()
    mouse.move(box["x"] + 0.5 * box["width"], middle, steps=5)
    explorer.page.wait_for_timeout(900)
    mouse.move(box["x"] + 0.8 * box["width"], middle, steps=5)
    mouse.up()
    assert explorer.rank > 5
    settle(explorer)
    explorer.page.keyboard.press("Control+z")
    assert explorer.rank == 2


def test_undo_while_typing_is_the_fields_own(explorer):
    explorer.slider.press("End")
    settle(explorer)
    explorer.root.get_by_text("Bookmarks", exact=True).click()
    field = explorer.root.get_by_role("textbox", name="name of the bookmark")
    field.press_sequentially("mine")
    field.press("Control+z")
    assert explorer.rank == 8
    expect(field).not_to_have_value("mine")


def test_bookmark_survives_a_reload(explorer):
    explorer.slider.press("End")
    explorer.metric("spectral").check()
    menu = explorer.root.get_by_text("Bookmarks", exact=True)
    menu.press("Enter")
    explorer.root.get_by_role("textbox", name="name of the bookmark").fill("all of it")
    explorer.page.keyboard.press("Enter")
    expect(explorer.status).to_have_text("Bookmark all of it added.")
    explorer.page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    explorer.choose_target("flat")
    explorer.slider.press("Home")
    settle(explorer)
    explorer.page.goto(explorer.page.url.split("#")[0] + "#rank=1")
    explorer.page.reload()
    expect(explorer.slider).to_have_value("1")
    menu.click()
    explorer.root.get_by_role("button", name="all of it", exact=True).click()
    expect(explorer.slider).to_have_value("8")
    expect(explorer.metric("spectral")).to_be_checked()
    menu.click()
    explorer.root.get_by_role("button", name="delete all of it").click()
    expect(explorer.root.get_by_text("No bookmarks yet.")).to_be_visible()


def test_link_is_copied(explorer):
    explorer.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    explorer.slider.press("End")
    explorer.root.get_by_role("button", name="Copy link").click()
    expect(explorer.status).to_have_text("Link copied.")
    copied = explorer.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("#target=two%20directions%20%2B%20noise&rank=8&metric=frobenius")


def test_link_is_offered_where_the_clipboard_is_closed(explorer):
    explorer.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    explorer.root.get_by_role("button", name="Copy link").click()
    field = explorer.root.get_by_role("textbox", name="link to this state")
    expect(field).to_be_focused()
    expect(field).to_have_value(re.compile("^file:.*&rank=2&metric=frobenius$"))


def test_notebook_keeps_its_address():
    assert not LoraExplorer().__panel__().addressed


@pytest.mark.parametrize("prefix", ["", "2."])
def test_any_text_comes_through_a_fragment(call, prefix):
    texts = {"target": "a&b=c #1 +ü→%", "rank": "7", "x": "100 %"}
    others = "#1.rank=4&3.target=%E2&top" + ("" if prefix else "&2.rank=9")
    fragment = call("shared/link.mjs", "writeFragment", others, prefix, texts)
    assert fragment.startswith(others)
    assert call("shared/link.mjs", "readFragment", fragment, prefix) == texts
    assert call("shared/link.mjs", "writeFragment", fragment, prefix, {}) == others
