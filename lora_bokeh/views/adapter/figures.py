"""The heat map of a file with many matrices: layer × module."""

from __future__ import annotations

from bokeh.models import FactorRange, HoverTool, LinearColorMapper, Range1d
from bokeh.plotting import figure

from lora_bokeh.views.shared.assets import light_palette
from lora_bokeh.views.shared.figures import axes, blank_figure, empty, text, themed

STEPS = tuple(m * 10**power for power in range(7) for m in (1, 2, 5))


def map_figure(layers: tuple[int, int], modules: list[str]) -> figure:
    """Return the heat map layer × module, over an empty source that the page fills.

    Parameters
    ----------
    layers : tuple of int
        The first layer and the last.
    modules : list of str
        Names of the rows, from the bottom to the top.
    """
    first, last = layers
    height = 70 + 24 * len(modules)
    x_range, y_range = Range1d(first - 0.5, last + 0.5), FactorRange(factors=modules)
    plot = blank_figure("map", height, x_range, y_range)
    plot.min_border_right = 12
    axes(plot, layer_ticks(first, last), "layer")
    plot.ygrid.visible = False
    nothing = "#00000000"  # of what is not known yet
    mapper = LinearColorMapper(palette=[light_palette()["zero"]], low=0, high=1, nan_color=nothing)
    mapper.tags = [{"themed": {"palette": "sequential"}}]
    cells = empty("layer", "module", "name", "rank", "stored", "text", "outline")
    tiles = plot.rect(
        "layer", "module", 1, 1, source=cells, line_width="outline", name="cells",
        fill_color={"field": "rank", "transform": mapper},
    )  # fmt: skip
    themed(tiles.glyph, line_color="ink")
    style = {"text_align": {"value": "center"}, "text_baseline": {"value": "middle"}}
    size = {"text_font_size": {"value": "11.5px"}}
    text(plot, "ranks", "ink", x="layer", y="module", text="text", source=cells, **style, **size)
    tip = "@name: rank @rank of @stored"
    plot.add_tools(HoverTool(renderers=[tiles], tooltips=tip))
    return plot


def layer_ticks(first: int, last: int) -> list[int]:
    """Return at most eight even ticks from the first layer to the last."""
    step = next(step for step in STEPS if last - first < 8 * step)
    return list(range(first, last + 1, step))
