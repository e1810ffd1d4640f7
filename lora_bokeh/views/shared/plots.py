"""Bokeh figures over ColumnDataSources. They know no sliders and register no callbacks."""

from __future__ import annotations

from typing import Any

from bokeh.models import (
    ColumnDataSource,
    HoverTool,
    LinearColorMapper,
    Model,
    Range1d,
)
from bokeh.plotting import figure

from lora_bokeh.views.shared.assets import light_palette
from lora_bokeh.views.shared.figures import axes, blank_figure, empty, marker, text, themed

FACTORS_HEIGHT = 270  # px
CURVE_HEIGHT = 320  # px
MOVING = "overlay"  # level of what follows the rank: painted on a layer of its own, without axes


def factors_figure() -> figure:
    """Return the stage of ΔW = B · A: empty sources in pixels, which the page lays out to scale."""
    plot = blank_figure("factors", FACTORS_HEIGHT, Range1d(0, 640), Range1d(FACTORS_HEIGHT, 0))
    plot.axis.visible = False
    plot.grid.visible = False
    _pictures(plot, "texture")
    full = _blocks(plot, "full", fill_color=None, line_width=1)
    themed(full.glyph, line_color="muted")
    _pictures(plot, "pictures", level=MOVING)
    factors = _blocks(plot, "factors", line_width=1.5, fill_alpha="fill", level=MOVING)
    themed(factors.glyph, fill_color="accent-soft", line_color="accent")
    centred = {"text_align": {"value": "center"}}
    moving = {**centred, "level": MOVING}
    name_style = {"x": "middle", "y": "above", "text": "name", "text_font_size": {"value": "16px"}}
    bold = {"text_font_style": {"value": "bold"}}
    text(plot, "full-name", "ink", **name_style, **bold, **centred)
    text(plot, "factor-names", "accent-ink", **name_style, **bold, **moving)
    style = {"text_font_size": "size", "text_baseline": "baseline"}
    text(plot, "dims-and-signs", "muted", x="x", y="y", text="text", **style, **moving)
    note = {"text_font_size": {"value": "12px"}, "text_baseline": {"value": "bottom"}}
    text(plot, "note", "muted", x="x", y="y", text="text", **note)
    tip = "@name is @dims: @count{0,0} parameters"
    plot.add_tools(HoverTool(renderers=[full, factors], tooltips=tip))
    return plot


def _pictures(plot: figure, name: str, level: str = "image") -> None:
    """Draw what is in the blocks, on a scale that the page centres at zero."""
    mapper = themed_palette(LinearColorMapper(low=-1, high=1))
    source = empty("image", "x", "y", "w", "h")
    plot.image(
        "image", "x", "y", "w", "h", source=source, color_mapper=mapper, name=name, level=level
    )


def themed_palette(mapper: LinearColorMapper) -> LinearColorMapper:
    """Give a mapper the diverging palette when the page paints; until then a neutral one."""
    mapper.palette = [light_palette()["zero"]]
    mapper.tags = [{"themed": {"palette": "diverging"}}]
    return mapper


def _blocks(plot: figure, name: str, **style: Any) -> Model:
    source = empty("x", "y", "right", "bottom", "name", "dims", "count", "fill")
    return plot.quad(
        left="x", right="right", top="y", bottom="bottom", source=source, name=name, **style
    )


def curve_figure(source: ColumnDataSource, ticks: list[int]) -> figure:
    """Return the residual curve over its source, with marker, dashed cursor and break-even.

    Of a difference of checkpoints, the page adds the rounding floor, a dotted line. Cursor and
    shade are glyphs, not annotations: those paint a pixel past the frame, which a repaint of the
    frame does not wipe.
    """
    last = ticks[-1]
    top = max([*source.data["residual"][:1], 0.0]) or 1.0
    x_range, y_range = Range1d(0.5, last + 0.5), Range1d(-0.03 * top, 1.1 * top)
    plot = blank_figure("curve", CURVE_HEIGHT, x_range, y_range)
    plot.min_border_right = 12
    axes(plot, ticks, "rank r")
    shade = empty("left", "right", "bottom", "top")
    past = plot.quad(source=shade, level="underlay", line_color=None, name="past-break-even")
    themed(past.glyph, fill_color="shade")
    unknown = plot.varea(
        "rank", "low", "high", source=empty("rank", "low", "high"), fill_alpha=0.55, name="band"
    )
    themed(unknown.glyph, fill_color="accent-soft")
    _floor(plot)
    _cursor(plot)
    line = plot.line("rank", "residual", source=source, line_width=2.2, name="curve")
    themed(line.glyph, line_color="ink")
    if last <= 64:
        themed_dots(plot, source)
    marker(plot, "rank", "residual", MOVING)
    small = {"text_font_size": {"value": "12px"}, "text_baseline": {"value": "top"}}
    text(plot, "break-even", "muted", x="x", y="y", text="text", text_align="align", **small)
    plot.add_tools(_curve_hover(line))
    return plot


def _floor(plot: figure) -> None:
    ends = empty("left", "right", "y")
    floor = plot.segment("left", "y", "right", "y", source=ends, line_width=1.5, name="floor")
    floor.glyph.line_dash = [2, 3]
    themed(floor.glyph, line_color="negative")
    small = {"text_font_size": {"value": "12px"}, "text_baseline": {"value": "bottom"}}
    text(plot, "floor-name", "negative", x="x", y="y", text="text", **small)


def _cursor(plot: figure) -> None:
    ends = empty("rank", "low", "high")
    cursor = plot.segment("rank", "low", "rank", "high", source=ends, level=MOVING, name="cursor")
    cursor.glyph.line_dash = [5, 4]
    themed(cursor.glyph, line_color="accent")


def themed_dots(plot: figure, source: ColumnDataSource) -> None:
    """Mark each rank of a short curve."""
    dots = plot.scatter("rank", "residual", source=source, size=5, line_color=None, name="dots")
    themed(dots.glyph, fill_color="ink")


def _curve_hover(line: Model) -> HoverTool:
    rows = [
        ("rank", "@rank"),
        ("Frobenius residual", "@frobenius{%.9g}"),
        ("spectral residual", "@spectral{%.9g}"),
        ("captured energy", "@captured{%.9f}"),
    ]
    printf = {f"@{name}": "printf" for name in ("frobenius", "spectral", "captured")}
    return HoverTool(
        renderers=[line], tooltips=rows, formatters=printf, mode="vline", line_policy="nearest"
    )
