"""What the page's figures are saved as: SVG, PNG, a page to print, CSV and JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import Locator, expect

from lora_bokeh import LoraExplorer
from lora_bokeh.cli import main
from tests.browser.explorer_page import ExplorerPage

SVG = "{http://www.w3.org/2000/svg}"
CURVE = "Reconstruction residual by rank"
FACTORS = "The update and its factors, to scale"


@pytest.fixture
def matrix(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "w 1.npy", rng.standard_normal((40, 30)) * 1e-3 ** np.arange(30))
    return tmp_path / "w 1.npy"


@pytest.fixture
def explorer(matrix, open_file) -> ExplorerPage:
    """A matrix at rank 3, in a file, on a dark page."""
    view = LoraExplorer(np.load(matrix), rank=3, name=matrix.name)
    return ExplorerPage(open_file(view, color_scheme="dark", reduced_motion="reduce").page)


def menu_of(explorer: ExplorerPage, heading: str) -> Locator:
    """Open the menu of a figure."""
    card = explorer.root.get_by_role("region", name=heading)
    card.locator("summary", has_text="Save").press("Enter")
    return card.get_by_role("group", name=re.compile("picture|numbers"))


def saved(explorer: ExplorerPage, heading: str, kind: str, folder: Path) -> Path:
    """Save a figure by keyboard; return the file."""
    with explorer.page.expect_download() as download:
        menu_of(explorer, heading).get_by_role("button", name=kind, exact=True).press("Enter")
    name = download.value.suggested_filename
    expect(explorer.status).to_have_text(f"Saved as {name}.")
    download.value.save_as(folder / name)
    return folder / name


def test_curve_as_svg_is_vectors_and_words(explorer, tmp_path):
    explorer.metric("spectral").check()
    expect(explorer.status).to_contain_text("spectral")
    path = saved(explorer, CURVE, "SVG", tmp_path)
    assert path.name == "w-1.npy-rank-3-spectral-curve.svg"
    svg = ElementTree.parse(path).getroot()
    texts = ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]
    for words in (
        CURVE,
        "w 1.npy · 40 × 30 · rank 3",
        "rank r",
        "spectral residual ‖ΔW − BA‖₂ = σr+1",
    ):
        assert words in texts
    assert explorer.drawn("curve", "marker")["text"][0] in texts
    assert len(list(svg.iter(f"{SVG}path"))) > 30
    assert not list(svg.iter(f"{SVG}image"))
    assert svg.find(f"{SVG}title").text.startswith("spectral residual of the 40 × 30 target")
    families = {text.get("font-family") for text in svg.iter(f"{SVG}text")}
    assert families == {"Inter, Helvetica, Arial, sans-serif"}
    assert svg.find(f"{SVG}rect").get("fill") == "#ffffff"  # also from a dark page


def test_factors_as_svg_hold_pictures_of_the_matrices_alone(explorer, tmp_path):
    path = saved(explorer, FACTORS, "SVG", tmp_path)
    assert path.name == "w-1.npy-rank-3-frobenius-factors.svg"
    svg = ElementTree.parse(path).getroot()
    assert 1 <= len(list(svg.iter(f"{SVG}image"))) <= 3
    assert {"ΔW", "B", "A", "40 × 30", "40 × 3", "3 × 30"} <= {
        text.text for text in svg.iter(f"{SVG}text")
    }


def test_heat_map_is_saved_with_its_axes(explorer, tmp_path):
    error = explorer.root.get_by_role("region", name="inside").locator("[data-figure=map-error]")
    error.locator("summary").press("Enter")
    with explorer.page.expect_download() as download:
        error.get_by_role("button", name="SVG").press("Enter")
    assert download.value.suggested_filename == "w-1.npy-rank-3-frobenius-map-error.svg"
    svg = ElementTree.parse(download.value.path()).getroot()
    texts = {text.text for text in svg.iter(f"{SVG}text")}
    assert {"error ΔW − B · A", "w 1.npy · 40 × 30 · rank 3", "row", "column"} <= texts
    assert len(list(svg.iter(f"{SVG}image"))) == 1


def test_page_keeps_its_colours_and_the_picture_may_have_them(explorer, tmp_path):
    ink = """() => Bokeh.documents[0].roots().flatMap((root) => [...root.references()])
        .find((model) => model.name === "curve" && model.renderers)
        .renderers.find((each) => each.name === "curve").glyph.line_color.value"""
    before = explorer.page.evaluate(ink)
    menu = menu_of(explorer, CURVE)
    explorer.root.get_by_role("checkbox", name="light, on white").last.uncheck()
    with explorer.page.expect_download() as download:
        menu.get_by_role("button", name="SVG").click()
    svg = ElementTree.parse(download.value.path()).getroot()
    assert svg.find(f"{SVG}rect").get("fill") == "#1d1f24"
    assert explorer.page.evaluate(ink) == before == "#f1f0f4"
    assert explorer.page.evaluate("Bokeh.documents.length") == 1


def test_png_has_three_pixels_for_one_of_the_drawing(explorer, tmp_path):
    svg = ElementTree.parse(saved(explorer, CURVE, "SVG", tmp_path)).getroot()
    png = saved(explorer, CURVE, "PNG", tmp_path).read_bytes()
    assert png.startswith(b"\x89PNG")
    size = [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)]
    assert size == [3 * int(svg.get("width")), 3 * int(svg.get("height"))]


def test_picture_has_the_size_asked_for_and_the_factors_fill_it(explorer, tmp_path):
    menu_of(explorer, FACTORS)
    card = explorer.root.get_by_role("region", name=FACTORS)
    on_the_page = explorer.drawn("factors", "factors")
    card.get_by_role("spinbutton", name="width").fill("300")
    card.get_by_role("spinbutton", name="height").fill("400")
    card.get_by_role("spinbutton", name="height").press("Escape")
    svg = ElementTree.parse(saved(explorer, FACTORS, "SVG", tmp_path)).getroot()
    assert (svg.get("width"), svg.get("height")) == ("300", "400")
    places = [text.get("transform") for text in svg.iter(f"{SVG}text") if text.text == "A"]
    across = float(places[0].split(",")[4])
    assert 150 < across < 300 < max(on_the_page["right"])
    assert explorer.drawn("factors", "factors") == on_the_page


def test_printed_page_holds_the_drawing_alone(explorer, open_tab, tmp_path):
    menu_of(explorer, CURVE).get_by_role("button", name="Print to PDF").click()
    expect(explorer.page.locator("iframe")).to_have_count(1)
    frame = explorer.page.frames[-1]
    expect(frame.locator("svg")).to_have_count(1)
    assert frame.title() == "w-1.npy-rank-3-frobenius-curve"
    sheet = open_tab("about:blank").page
    sheet.set_content(frame.content())
    pdf = sheet.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    box = [float(x) for x in re.search(rb"/MediaBox\s*\[([^]]*)\]", pdf)[1].split()]
    svg = frame.locator("svg")
    for side, name in ((2, "width"), (3, "height")):
        assert box[side] == pytest.approx(0.75 * float(svg.get_attribute(name)), abs=1)


def test_numbers_are_those_of_the_command(explorer, matrix, tmp_path):
    def printed(form: str) -> str:
        return CliRunner().invoke(main, ["curve", str(matrix), "--format", form]).output

    csv = [saved(explorer, CURVE, "CSV", tmp_path).read_text(), printed("csv")]
    assert len({text.splitlines()[0] for text in csv}) == 1
    rows = [np.loadtxt(text.splitlines(), delimiter=",", skiprows=1) for text in csv]
    # To the last digits: the page's values come with their vectors, by another driver of LAPACK.
    np.testing.assert_allclose(*rows, rtol=1e-13, atol=1e-13 * rows[0][0, 1])
    held, said = (
        json.loads(saved(explorer, CURVE, "JSON", tmp_path).read_text()),
        json.loads(printed("json")),
    )
    assert [list(row.values()) for row in held.pop("ranks")] == rows[0].tolist()
    assert list(said.pop("ranks")[0]) == csv[0].splitlines()[0].split(",")
    assert held.pop("frobenius_norm") == pytest.approx(said.pop("frobenius_norm"), rel=1e-14)
    assert held == said | {"source": "w 1.npy"}


def test_floats_are_written_as_python_writes_them(call_each):
    rng = np.random.default_rng(0)
    numbers = [0.0, 1.0, 1e-4, 1e-5, 123456789012345.0, 1e15, 1e16, 1e22, 5e-324, 0.1, 2.5e-07]
    numbers += (rng.standard_normal(300) * 10.0 ** rng.integers(-30, 30, 300)).tolist()
    assert call_each("shared/table.mjs", "pythonFloat", [[x] for x in numbers]) == list(
        map(repr, numbers)
    )


def test_open_menu_has_no_accessibility_fault(explorer, violations):
    menu_of(explorer, CURVE)
    assert violations(explorer.page) == []
