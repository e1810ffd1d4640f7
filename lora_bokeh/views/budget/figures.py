"""The figures of a parameter budget: empty stages, which the page draws to scale."""

from __future__ import annotations

from typing import Any

from bokeh.models import BasicTicker, HoverTool, Range1d
from bokeh.plotting import figure

from lora_bokeh.views.shared.figures import axes, blank_figure, empty, text, themed

BARS_HEIGHT = 290  # px
MEMORY_HEIGHT = 206  # px
PARTS = {  # of the memory, from left to right: colour and outline of each
    "frozen": ("rule", "muted"),
    "weights": ("accent", "card"),
    "gradients": ("accent-soft", "card"),
    "moments": ("negative", "card"),
    "copy": ("muted", "card"),
}
EDGES = ("left", "right", "top", "bottom")


def parameters_figure() -> figure:
    """Return the stage of the bars model, matrices, LoRA: in pixels, each under its magnifier."""
    plot = blank_figure("parameters", BARS_HEIGHT, Range1d(0, 640), Range1d(BARS_HEIGHT, 0))
    plot.axis.visible = False
    plot.grid.visible = False
    lens = plot.patches("xs", "ys", source=empty("xs", "ys"), line_color=None, name="lens")
    themed(lens.glyph, fill_color="shade")
    whole = _bars(plot, "whole", "card", "muted")
    part = _bars(plot, "part", "rule", "muted")
    lora = _bars(plot, "lora", "accent-soft", "accent")
    small = {"text_font_size": {"value": "12.5px"}, "text_baseline": {"value": "bottom"}}
    text(plot, "labels", "ink", x="x", y="y", text="text", **small)
    right = {"text_align": {"value": "right"}}
    text(plot, "factors", "muted", x="x", y="y", text="text", **small, **right)
    middle = {"text_baseline": {"value": "middle"}, "text_align": {"value": "center"}}
    inside = {"text_font_size": {"value": "12px"}, **middle}
    text(plot, "modules", "ink", x="x", y="y", text="text", **inside)
    text(plot, "note", "muted", x="x", y="y", text="text", **small)
    tip = "@name: @count{0,0} parameters"
    plot.add_tools(HoverTool(renderers=[whole, part, lora], tooltips=tip))
    return plot


def _bars(plot: figure, name: str, fill: str, line: str) -> Any:
    source = empty(*EDGES, "name", "count")
    bars = plot.quad(*EDGES, source=source, name=name, line_width=1)
    themed(bars.glyph, fill_color=fill, line_color=line)
    return bars


def memory_figure() -> figure:
    """Return the stage of two stacked bars on one axis of bytes: whole model, and LoRA."""
    plot = blank_figure("memory", MEMORY_HEIGHT, Range1d(0, 1), Range1d(0, 100))
    axes(plot, [0], "bytes")
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=5)
    plot.min_border_right = 16
    plot.yaxis.visible = False
    plot.ygrid.visible = False
    bars = [_part(plot, name, *colours) for name, colours in PARTS.items()]
    small = {"text_font_size": {"value": "12.5px"}, "text_baseline": {"value": "bottom"}}
    text(plot, "labels", "ink", x="x", y="y", text="text", **small)
    under = {"text_font_size": {"value": "12px"}, "text_baseline": {"value": "top"}}
    text(plot, "parts", "muted", x="x", y="y", text="text", **under)
    plot.add_tools(HoverTool(renderers=bars, tooltips="@name: @size"))
    return plot


def _part(plot: figure, name: str, fill: str, line: str) -> Any:
    bars = plot.quad(*EDGES, source=empty(*EDGES, "name", "size"), name=name, line_width=1)
    themed(bars.glyph, fill_color=fill, line_color=line)
    return bars
