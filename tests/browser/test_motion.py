"""Springs: frame by frame while they run, and none at all under reduced motion."""

from __future__ import annotations

import itertools
import statistics

import pytest

from lora_bokeh import FactorizationPlot, LoraExplorer, save_html
from tests.browser.explorer_page import ExplorerPage

# Notes each redraw of the blocks: when, and how wide B is in pixels.
WATCH = """() => {
    window.drawn = [];
    const figure = Bokeh.documents.flatMap((doc) => doc.roots())
        .flatMap((root) => [...root.references()])
        .find((model) => model.type === "Figure" && model.name === "factors");
    const source = figure.renderers.find((renderer) => renderer.name === "factors").data_source;
    source.properties.data.change.connect(() => {
        const { name, x, right } = source.data;
        const B = name.indexOf("B");
        window.drawn.push({ time: performance.now(), width: right[B] - x[B] });
    });
}"""
AT_REST = "() => drawn.length > 0 && performance.now() - drawn.at(-1).time > 400"


def jump(view, tmp_path, open_tab, **options) -> tuple[ExplorerPage, list[dict[str, float]]]:
    """Open a view, press End, wait until the picture rests, and return what was drawn."""
    save_html(view, tmp_path / "page.html")
    explorer = ExplorerPage(open_tab(tmp_path / "page.html", **options).page)
    explorer.page.wait_for_function("() => Bokeh.documents[0].is_idle")
    explorer.page.evaluate(WATCH)
    explorer.slider.press("End")
    explorer.page.wait_for_function(AT_REST)
    return explorer, explorer.page.evaluate("drawn")


def expected_width(explorer: ExplorerPage) -> float:
    """Width of B by the width of ΔW, which stands still."""
    full = explorer.drawn("factors", "full")
    columns = full["dims"][0].split(" × ")[1]
    return (full["right"][0] - full["x"][0]) / int(columns) * explorer.rank


@pytest.mark.parametrize("make", [FactorizationPlot, LoraExplorer])
def test_spring_runs_frame_by_frame_to_the_rank(make, tmp_path, open_tab):
    explorer, drawn = jump(make(), tmp_path, open_tab)
    widths = [frame["width"] for frame in drawn]
    steps = [after["time"] - before["time"] for before, after in itertools.pairwise(drawn)]
    print(f"{len(drawn)} frames, median {statistics.median(steps):.2f} ms")
    assert len(drawn) > 10
    assert widths == sorted(widths)  # critically damped: it never overshoots
    assert widths[-1] == pytest.approx(expected_width(explorer))


def test_reduced_motion_draws_the_end_at_once(tmp_path, open_tab):
    explorer, drawn = jump(LoraExplorer(), tmp_path, open_tab, reduced_motion="reduce")
    assert [frame["width"] for frame in drawn] == [pytest.approx(expected_width(explorer))]


def test_no_transition_draws_the_end_at_once(tmp_path, open_tab):
    explorer, drawn = jump(FactorizationPlot(transition=None), tmp_path, open_tab)
    assert [frame["width"] for frame in drawn] == [pytest.approx(expected_width(explorer))]
