"""lora-bokeh figure, save_svg, save_png and save_pdf: what the page draws, in a file."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from lora_bokeh import FactorizationPlot, LoraExplorer, save_png, save_svg
from lora_bokeh.cli import main
from lora_bokeh.views.adapter.view import AdapterExplorer

pytestmark = pytest.mark.usefixtures("browser")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in a folder with a matrix in it, ``w.npy``."""
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", np.random.default_rng(0).standard_normal((12, 9)))
    return lambda *words: CliRunner().invoke(main, ["figure", *map(str, words)])


def texts_of(path: Path | str) -> list[str]:
    svg = ElementTree.parse(path).getroot()
    return ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]


def test_curve_of_a_file_at_a_rank_and_metric(run):
    done = run("w.npy", "-o", "fig.svg", "--rank", 4, "--metric", "spectral")
    assert done.exit_code == 0
    assert re.fullmatch(r"fig\.svg: \d+\.\d\d kB\n", done.output)
    texts = texts_of("fig.svg")
    assert {"w.npy · 12 × 9 · rank 4", "spectral residual ‖ΔW − BA‖₂ = σr+1"} <= set(texts)
    s = np.linalg.svd(np.load("w.npy"), compute_uv=False)
    assert f"{s[4]:.3f}" in texts


def test_png_of_the_state_of_a_link(run):
    size = ("--width", 400, "--height", 300, "--scale", 2)
    link = ("--link", "rank=99&metric=spectral&colour=red")
    done = run("w.npy", "-o", "fig.png", *size, *link, "--figure", "factors")
    assert done.exit_code == 0
    assert done.stderr == (
        "The link asks for colour=red, which means nothing here. "
        "The link asks for rank 99; the nearest here is 9.\n"
    )
    png = Path("fig.png").read_bytes()
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [800, 600]


def test_pdf_is_one_page_of_the_size_asked_for_with_its_fonts(run):
    assert run("-o", "fig.pdf", "--width", 480, "--height", 360, "--dark").exit_code == 0
    pdf = Path("fig.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    box = [float(x) for x in re.search(rb"/MediaBox\s*\[([^]]*)\]", pdf)[1].split()]
    assert box == pytest.approx([0, 0, 360, 270], abs=0.5)
    assert b"/FontFile" in pdf


def test_unknown_figure_names_those_there_are(run):
    Path("fig.svg").write_text("old")
    done = run("w.npy", "-o", "fig.svg", "--figure", "map")
    assert (done.exit_code, done.stderr) == (
        2,
        "lora-bokeh: fig.svg: there is no figure 'map' here; choose one of: factors, curve, "
        "map-w, map-r, map-error, map-b, map-a\n",
    )
    assert Path("fig.svg").read_text() == "old"
    assert sorted(path.name for path in Path().iterdir()) == ["fig.svg", "w.npy"]


def test_map_of_an_adapter(tmp_path):
    shapes = {"b": (9, 2), "a": (2, 8)}
    pairs = {
        f"w_{side}_{i:03d}": np.random.default_rng(i).standard_normal(shape).astype(np.float32)
        for i in range(3)
        for side, shape in shapes.items()
    }
    save_file(pairs, tmp_path / "pairs.safetensors")
    save_svg(AdapterExplorer(tmp_path / "pairs.safetensors"), tmp_path / "map.svg", "map")
    texts = texts_of(tmp_path / "map.svg")
    assert {"Rank kept, by layer and module", "3 matrices", "layer", "2"} <= set(texts)


def test_from_within_an_event_loop(tmp_path):
    async def save() -> None:
        save_svg(FactorizationPlot(d=100, rank=5), tmp_path / "b.svg", "factors")

    with ThreadPoolExecutor() as pool:  # the tests' own browser has a loop in this thread
        pool.submit(asyncio.run, save()).result()
    assert {"100 × 5", "5 × 100"} <= set(texts_of(tmp_path / "b.svg"))


@pytest.mark.parametrize("scale", [0, -1, 11, float("nan")])
def test_scale_out_of_bounds_is_refused(tmp_path, scale):
    with pytest.raises(ValueError, match="scale must be above 0 and at most 10, got"):
        save_png(LoraExplorer(), tmp_path / "a.png", scale=scale)


def test_browser_that_fails_is_said_in_one_line(run, monkeypatch):
    monkeypatch.setattr("lora_bokeh.hosts.figure_file.PATIENCE", 1)
    done = run("-o", "fig.svg")
    assert done.exit_code == 2
    assert re.fullmatch(
        r"lora-bokeh: fig\.svg: the browser could not draw the page: .*\n", done.stderr
    )
