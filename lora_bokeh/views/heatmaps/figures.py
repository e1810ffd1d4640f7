"""Heat maps of W, of W_r = B·A, of the error W − W_r, and of the factors; the page fills them."""

from __future__ import annotations

from bokeh.models import BasicTicker, BoxZoomTool, LinearColorMapper, Range1d
from bokeh.plotting import figure

from lora_bokeh.views.shared.figures import axes, blank_figure, empty, text, themed
from lora_bokeh.views.shared.plots import themed_palette

MAP_HEIGHT = 320  # px
FACTOR_HEIGHT = 240  # px
LEFT = 52  # px: room for the row axis, the same in all, so that their frames are aligned


def inside_figures() -> list[figure]:
    """Return the figures "map-w", "map-r", "map-error", "map-b" and "map-a".

    The first three have ranges and a colour scale in common; B shares their rows, A their columns.
    Entry (i, j), counted from 1 as ranks are, is centred at x = j, y = i.
    """
    columns, rows = Range1d(0.5, 1.5), Range1d(1.5, 0.5)
    left, right = Range1d(0.5, 1.5), Range1d(1.5, 0.5)
    maps = _mapper()
    factors = _mapper()
    return [
        *(_map(name, MAP_HEIGHT, columns, rows, maps) for name in ("map-w", "map-r", "map-error")),
        _map("map-b", FACTOR_HEIGHT, left, rows, factors, across="rank"),
        _map("map-a", FACTOR_HEIGHT, columns, right, factors, down="rank"),
    ]


def _mapper() -> LinearColorMapper:
    return themed_palette(LinearColorMapper(low=-1, high=1))


def _map(  # noqa: PLR0913, PLR0917 - private, and the parts of one figure
    name: str,
    height: int,
    x_range: Range1d,
    y_range: Range1d,
    mapper: LinearColorMapper,
    across: str = "column",
    down: str = "row",
) -> figure:
    plot = blank_figure(name, height, x_range, y_range)
    plot.min_border_left, plot.min_border_right = LEFT, 8
    axes(plot, [], across)
    plot.yaxis.axis_label = down
    plot.ygrid.visible = False
    for axis in plot.axis:
        axis.ticker = BasicTicker(min_interval=1, desired_num_ticks=5, num_minor_ticks=0)
    image = empty("image", "x", "y", "w", "h")
    # Of pictures that are saved: on the page a canvas lies under the figure, see
    # js/heatmaps/canvas.mjs.
    plot.image(
        "image", "x", "y", "w", "h", source=image, color_mapper=mapper, name="image", visible=False
    )
    size = {"text_font_size": "size", "text_align": {"value": "center"}}
    centred = {**size, "text_baseline": {"value": "middle"}}
    text(plot, "numbers", "ink", x="x", y="y", text="text", **centred)
    text(plot, "numbers-on-colour", "card", x="x", y="y", text="text", **centred)
    spot = plot.rect(
        "x", "y", "w", "h", source=empty("x", "y", "w", "h"), fill_color=None, line_width=2,
        name="spot",
    )  # fmt: skip
    themed(spot.glyph, line_color="ink")
    if "rank" not in (across, down):
        plot.add_tools(BoxZoomTool())
    return plot
