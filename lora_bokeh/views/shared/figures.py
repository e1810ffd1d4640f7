"""What all figures are drawn with: themed colours, blank frames, texts, axes.

A model whose colours follow light and dark carries the tag ``{"themed": {property: colour}}``;
the names are those of ``css/palette.css``.
"""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, FixedTicker, Model, Range1d
from bokeh.plotting import figure

from lora_bokeh.views.shared.assets import light_palette

FONT = "Inter, system-ui, sans-serif"


def themed(model: Any, **colours: str) -> Any:
    """Colour a model from the palette and tag it, so that the page recolours it when it changes."""
    light = light_palette()
    model.update(**{name: light[token] for name, token in colours.items()})
    model.tags = [*model.tags, {"themed": colours}]
    return model


def blank_figure(name: str, height: int, x_range: Range1d, y_range: Any, **options: Any) -> figure:
    """Return a transparent figure as wide as its place, without tools."""
    plot = figure(
        name=name,
        height=height,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=y_range,
        tools="",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border=0,
        **options,
    )
    plot.html_attributes = {"role": "figure"}
    return plot


def text(plot: figure, name: str, colour: str, **fields: Any) -> Model:
    """Draw a themed text renderer, over a source given or an empty one of its own."""
    level = fields.pop("level", "glyph")
    columns = [value for value in fields.values() if isinstance(value, str)]
    source = fields.pop("source", None) or empty(*columns)
    font = {"text_font": {"value": FONT}}
    renderer = plot.text(source=source, name=name, level=level, **font, **fields)
    themed(renderer.glyph, text_color=colour)
    return renderer


def marker(plot: figure, x: str, y: str, level: str = "glyph") -> None:
    """Draw the one point of a curve that is shown, and its value beside it."""
    source = empty(x, y, "text", "align", "shift")
    dot = plot.scatter(x, y, source=source, size=13, line_width=2.5, level=level, name="marker")
    themed(dot.glyph, fill_color="accent", line_color="card")
    bold = {"text_font_style": {"value": "bold"}, "text_font_size": {"value": "13.5px"}}
    text(
        plot, "marker-value", "accent-ink", x=x, y=y, text="text", source=source, level=level,
        text_align="align", x_offset="shift", y_offset={"value": -9}, **bold,
    )  # fmt: skip


def empty(*columns: str) -> ColumnDataSource:
    """Return a source with columns that the page will fill."""
    return ColumnDataSource({column: [] for column in columns})


def axes(plot: figure, ticks: list[int], label: str) -> None:
    """Draw both axes, the horizontal one named and with ticks of ours."""
    plot.xaxis.axis_label = label
    plot.xaxis.ticker = FixedTicker(ticks=ticks)
    plot.xgrid.visible = False
    for axis in plot.axis:
        axis.update(
            axis_label_text_font=FONT, axis_label_text_font_style="normal",
            major_label_text_font=FONT, major_label_text_font_size="12px",
            axis_label_text_font_size="13px", minor_tick_line_color=None,
        )  # fmt: skip
        themed(
            axis, axis_label_text_color="ink", major_label_text_color="muted",
            axis_line_color="muted", major_tick_line_color="muted",
        )  # fmt: skip
    themed(plot.ygrid[0], grid_line_color="rule")
