"""Springs: frame by frame while they run, and none at all under reduced motion."""

from __future__ import annotations

import itertools
import statistics

import pytest

from lora_bokeh import FactorizationPlot, LoraExplorer
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
AT_REST = """(width) => drawn.length > 0 && Math.abs(drawn.at(-1).width - width) < 1e-9 * width
    && performance.now() - drawn.at(-1).time > 400"""


@pytest.fixture
def jump(open_file):
    """Open a view, press End, wait until B rests as wide as it is to be; return what was drawn."""

    def jump_to_the_end(view, **options) -> list[dict[str, float]]:
        explorer = ExplorerPage(open_file(view, **options).page)
        explorer.page.wait_for_function("() => Bokeh.documents[0].is_idle")
        explorer.page.evaluate(WATCH)
        explorer.slider.press("End")
        explorer.page.wait_for_function(AT_REST, arg=expected_width(explorer))
        return explorer.page.evaluate("drawn")

    return jump_to_the_end


def expected_width(explorer: ExplorerPage) -> float:
    """Width of B by the width of ΔW, which stands still."""
    full = explorer.drawn("factors", "full")
    columns = full["dims"][0].split(" × ")[1]
    return (full["right"][0] - full["x"][0]) / int(columns) * explorer.rank


@pytest.mark.parametrize("make", [FactorizationPlot, LoraExplorer])
def test_spring_runs_frame_by_frame_to_the_rank(make, jump):
    drawn = jump(make)
    widths = [frame["width"] for frame in drawn]
    steps = [after["time"] - before["time"] for before, after in itertools.pairwise(drawn)]
    print(f"{len(drawn)} frames, median {statistics.median(steps):.2f} ms")
    assert len(drawn) > 5  # no frame counts for more than 100 ms, however slow the machine
    assert widths == sorted(widths)  # critically damped: it never overshoots


def test_reduced_motion_draws_the_end_at_once(jump):
    assert len(jump(LoraExplorer, reduced_motion="reduce")) == 1


def test_no_transition_draws_the_end_at_once(jump):
    assert len(jump(FactorizationPlot(transition=None))) == 1
