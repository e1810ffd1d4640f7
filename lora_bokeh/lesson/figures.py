"""The lesson's own figures: four spectra, the ranks two adapters need, energy against accuracy.

They are drawn once, in Python; the page only colours them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure

from lora_bokeh.lesson.answers.directions import needs
from lora_bokeh.lesson.answers.spectra import SIZE, families, letters, missing
from lora_bokeh.lesson.material import published
from lora_bokeh.views.shared.figures import axes, blank_figure, text, themed
from lora_bokeh.views.shared.sources import rank_ticks

HEIGHT = 300  # px
DASHES = {"A": "solid", "B": [8, 4], "C": [2, 3], "D": [10, 3, 2, 3]}
# Rank at which a curve carries its letter, and whether under it: clear of the other curves.
LABELS = {"narrow": (4, True), "weights": (8, False), "flat": (12, False), "heavy": (20, False)}


def spectra_figure(seed: int) -> figure:
    """Return the four curves of what is missing at each rank, each with its letter."""
    plot = _frame(
        "spectra", Range1d(-0.5, SIZE + 2.5), Range1d(0, 1.06), [0, *rank_ticks(SIZE)[1:]]
    )
    _named(plot, "rank r", "share of ‖ΔW‖ that is missing", "Four curves, A to D")
    for name, letter in letters(seed).items():
        y = missing(families()[name])
        source = ColumnDataSource({"rank": np.arange(len(y)), "share": y, "of": [letter] * len(y)})
        line = plot.line("rank", "share", source=source, line_width=2.2, line_dash=DASHES[letter])
        themed(line.glyph, line_color="ink")
        at, below = LABELS[name]
        label = ColumnDataSource({"x": [at], "y": [y[at]], "text": [letter]})
        bold = {"text_font_style": {"value": "bold"}, "text_font_size": {"value": "15px"}}
        text(plot, f"name-{letter}", "accent-ink", x="x", y="y", text="text", source=label,
             x_offset={"value": 5}, y_offset={"value": 20 if below else -3}, **bold)  # fmt: skip
    plot.add_tools(HoverTool(tooltips=[("curve", "@of"), ("rank", "@rank"), ("missing", "@share")]))
    return plot


def needs_figure() -> figure:
    """Return how many pairs of each adapter need how many ranks for 95 % of the energy."""
    few, many = Counter(needs()[4]), Counter(needs()[16])
    top = max([*few.values(), *many.values()])
    plot = _frame("needs", Range1d(0.4, 16.6), Range1d(0, 1.12 * top), list(range(1, 17)))
    _named(plot, "ranks needed for 95 % of the energy", "matrices", _needs_name(few, many))
    for counted, name, shift, colour in (
        (few, "trained at rank 4", -0.2, "muted"),
        (many, "trained at rank 16", 0.2, "accent"),
    ):
        ranks = sorted(counted)
        data = {
            "rank": ranks,
            "x": [rank + shift for rank in ranks],
            "count": [counted[rank] for rank in ranks],
            "of": [name] * len(ranks),
        }
        bars = plot.vbar("x", 0.36, "count", source=ColumnDataSource(data), line_color=None)
        themed(bars.glyph, fill_color=colour)
    _key(
        plot, [("■ trained at rank 4", "muted"), ("■ trained at rank 16", "accent-ink")], 16.5, top
    )
    tips = [("adapter", "@of"), ("ranks", "@rank"), ("matrices", "@count")]
    plot.add_tools(HoverTool(tooltips=tips))
    return plot


def _needs_name(few: Counter[int], many: Counter[int]) -> str:
    said = [
        f"rank {rank}: " + ", ".join(f"{n} need {r}" for r, n in sorted(counted.items()))
        for rank, counted in ((4, few), (16, many))
    ]
    return f"Matrices by the ranks they need for 95 % of the energy. {'; '.join(said)}"


def accuracy_figure() -> figure:
    """Return the score against the energy kept, beside what it would be if it followed energy."""
    table = published()["conversion"]
    whole = table["whole"]["percent"]
    energy = [0, *(100 * row["energy"] for row in table["kept"]), 100]
    score = [float("nan"), *(row["percent"] for row in table["kept"]), whole]
    plot = _frame("accuracy", Range1d(0, 104), Range1d(0, 60), [0, 25, 50, 70, 90, 100])
    said = ", ".join(f"{e:.0f} % → {s} %" for e, s in zip(energy[1:], score[1:], strict=True))
    _named(plot, "energy kept, %", "test solved, %", f"Score against energy kept: {said}")
    proportional = plot.line([0, 100], [0, whole], line_dash=[5, 4], line_width=1.5)
    themed(proportional.glyph, line_color="muted")
    source = ColumnDataSource({"energy": energy[1:], "score": score[1:]})
    line = plot.line("energy", "score", source=source, line_width=2.2)
    themed(line.glyph, line_color="accent")
    dots = plot.scatter("energy", "score", source=source, size=8, line_color=None)
    themed(dots.glyph, fill_color="accent")
    _key(plot, [("– measured", "accent-ink"), ("- - if it followed energy", "muted")], 60, 12)
    plot.add_tools(HoverTool(renderers=[dots], tooltips="@energy % of the energy: @score %"))
    return plot


def _frame(name: str, x: Range1d, y: Range1d, ticks: list[int]) -> figure:
    plot = blank_figure(name, HEIGHT, x, y)
    plot.update(min_border_right=12, min_border_top=10)
    axes(plot, ticks, "")
    return plot


def _named(plot: figure, x: str, y: str, name: str) -> None:
    """Name the axes, and the figure for assistive technology."""
    plot.xaxis.axis_label, plot.yaxis.axis_label = x, y
    plot.html_attributes = {"role": "figure", "aria-label": f"{name}. Across: {x}; up: {y}."}


def _key(plot: figure, entries: list[tuple[str, str]], right: float, top: float) -> None:
    """Write what the marks mean, one line under the other, ending at ``right``."""
    for i, (words, colour) in enumerate(entries):
        source = ColumnDataSource({"x": [right], "y": [top], "text": [words]})
        style: dict[str, Any] = {
            "text_align": {"value": "right"},
            "y_offset": {"value": 20 * i},
            "text_font_size": {"value": "13px"},
        }
        text(plot, f"key-{i}", colour, x="x", y="y", text="text", source=source, **style)
