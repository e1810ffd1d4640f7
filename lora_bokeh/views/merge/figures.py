"""Figures of the merge view: heat maps on one scale, its colour bar, and bars of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, LinearColorMapper, Range1d
from bokeh.plotting import figure

from lora_bokeh.views.shared.figures import axes, blank_figure, empty, text, themed
from lora_bokeh.views.shared.plots import themed_palette
from lora_bokeh.views.shared.sources import rank_ticks

PICTURE_SIDE = 96  # rows and columns of a picture at most, as in js/merge/state.mjs
OUTLINED = 32  # bars up to which an outline is seen
AXES_HEIGHT = 56  # px: the x axis with its label


def matrix_figure(name: str, shape: tuple[int, int]) -> figure:
    """Return the heat map of a d × k matrix, zero until the page fills it; row 1 is on top."""
    d, k = shape
    height = AXES_HEIGHT + min(max(d * 32, 96), 340)
    plot = blank_figure(name, height, Range1d(0.5, k + 0.5), Range1d(d + 0.5, 0.5))
    axes(plot, rank_ticks(k), "column")
    plot.yaxis.axis_label = "row"
    plot.yaxis.ticker = FixedTicker(ticks=rank_ticks(d))
    plot.ygrid.visible = False
    picture = np.zeros((min(d, PICTURE_SIDE), min(k, PICTURE_SIDE)))
    cells = {"image": [picture], "x": [0.5], "y": [0.5], "w": [k], "h": [d]}
    image = plot.image(
        "image", "x", "y", "w", "h", source=ColumnDataSource(cells), name="cells",
        color_mapper=themed_palette(LinearColorMapper(low=-1, high=1)),
    )  # fmt: skip
    style = {"text_font_size": "size", "text_align": {"value": "center"}}
    style["text_baseline"] = {"value": "middle"}
    text(plot, "numbers", "ink", x="x", y="y", text="text", **style)
    text(plot, "numbers-on-colour", "card", x="x", y="y", text="text", **style)
    tip = [("row", "@row"), ("column", "@column"), ("value", "@image{%.6g}")]
    plot.add_tools(HoverTool(renderers=[image], tooltips=tip, formatters={"@image": "printf"}))
    return plot


def scale_figure(levels: int = 255) -> figure:
    """Return the bar of colours from −1 over 0 to 1; the page stretches it."""
    plot = blank_figure("colours", AXES_HEIGHT + 14, Range1d(-1, 1), Range1d(0, 1))
    plot.min_border_left = plot.min_border_right = 18
    axes(plot, [-1, 0, 1], "value, the same colours in all three")
    plot.yaxis.visible = False
    plot.ygrid.visible = False
    bar = {"image": [np.linspace(-1, 1, levels)[None]], "x": [-1], "y": [0], "w": [2], "h": [1]}
    plot.image(
        "image", "x", "y", "w", "h", source=ColumnDataSource(bar), name="scale",
        color_mapper=themed_palette(LinearColorMapper(low=-1, high=1)),
    )  # fmt: skip
    return plot


def bars_figure(name: str, count: int, colour: str, second: bool = False) -> figure:
    """Return horizontal bars of a vector, entry 1 on top, and of a second one in outline."""
    height = AXES_HEIGHT + min(max(count * 26, 100), 300)
    plot = blank_figure(name, height, Range1d(-1, 1), Range1d(count + 0.5, 0.5))
    plot.min_border_right = 14
    axes(plot, [-1, 0, 1], "value")
    plot.yaxis.axis_label = "entry"
    plot.yaxis.ticker = FixedTicker(ticks=rank_ticks(count))
    plot.ygrid.visible = False
    bars = [_bars(plot, "values", line_color=None)]
    themed(bars[0].glyph, fill_color=colour)
    if second:
        outlined = count <= OUTLINED
        bars.append(_bars(plot, "merged", **({"fill_color": None} if outlined else {})))
        bars[1].glyph.line_width = 1.5 if outlined else 0
        themed(bars[1].glyph, **{"line_color" if outlined else "fill_color": "ink"})
    zero = plot.segment([0], [0.5], [0], [count + 0.5], name="zero")
    themed(zero.glyph, line_color="muted")
    tip = [("entry", "@entry"), ("value", "@value{%.17g}")]
    plot.add_tools(HoverTool(renderers=bars, tooltips=tip, formatters={"@value": "printf"}))
    return plot


def _bars(plot: figure, name: str, **style: Any) -> Any:
    source = empty("entry", "y", "value", "height")
    return plot.hbar("y", "height", right="value", left=0, source=source, name=name, **style)
