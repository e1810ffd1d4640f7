"""The figure of a training: the loss against the steps, over the floor of its rank."""

from __future__ import annotations

from bokeh.models import FixedTicker, HoverTool, PrintfTickFormatter, Range1d
from bokeh.plotting import figure

from lora_bokeh.views.shared.figures import axes, blank_figure, empty, marker, text, themed

HEIGHT = 340  # px


def loss_figure() -> figure:
    """Return the stage of the loss curve: empty sources, which the page fills.

    Below the floor the frame is shaded: no curve gets there. Earlier runs are thin lines.
    """
    plot = blank_figure("loss", HEIGHT, Range1d(0, 1), Range1d(0.1, 1), y_axis_type="log")
    plot.min_border_top = 6
    plot.min_border_left = 66  # room for any label of the axis: the frame stands still
    plot.min_border_right = 14
    axes(plot, [0], "step")
    plot.yaxis.ticker = FixedTicker(ticks=[0.2, 0.5])
    plot.yaxis.formatter = PrintfTickFormatter(format="%.4g")
    frame = empty("left", "right", "bottom", "top")
    below = plot.quad(source=frame, level="underlay", line_color=None, name="below")
    themed(below.glyph, fill_color="shade")
    floor = plot.segment("x0", "y", "x1", "y", source=empty("x0", "x1", "y"), name="floor")
    floor.glyph.update(line_dash=[5, 4], line_width=1.5)
    themed(floor.glyph, line_color="accent")
    earlier = plot.multi_line("x", "y", source=empty("x", "y", "label"), name="earlier")
    themed(earlier.glyph, line_color="muted")
    line = plot.line("step", "loss", source=empty("step", "loss", "above"), name="curve")
    line.glyph.line_width = 2.2
    themed(line.glyph, line_color="ink")
    marker(plot, "step", "loss")
    note = {"text_font_size": {"value": "12.5px"}, "text_baseline": {"value": "middle"}}
    text(plot, "floor-note", "accent-ink", x="x", y="y", text="text", text_align="align", **note)
    plot.add_tools(*_hovers(line, earlier))
    return plot


def _hovers(line: object, earlier: object) -> tuple[HoverTool, HoverTool]:
    rows = [("step", "@step"), ("loss", "@loss{%.7g}"), ("above the floor", "@above{%.3g}")]
    printf = {"@loss": "printf", "@above": "printf"}
    here = HoverTool(renderers=[line], tooltips=rows, formatters=printf, mode="vline")
    return here, HoverTool(renderers=[earlier], tooltips="@label", line_policy="none")
