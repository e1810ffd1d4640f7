"""What was measured, as a table in the terminal, a JSON file and a plot."""

import json
import platform
from pathlib import Path

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange
from bokeh.plotting import figure, save
from bokeh.resources import INLINE
from peers import US
from rich.console import Console
from rich.table import Table


def machine() -> dict[str, object]:
    """Name the machine and the libraries."""
    import os

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((x.split(":")[1].strip() for x in lines if "model name" in x), "unknown")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def show(case: dict, console: Console) -> None:
    """Print one case: time, ratio to us, error, memory."""
    table = Table(title=case["name"], title_justify="left")
    for heading in ("solver", "seconds", "× ours", "worst rel. error", "extra MB", "runs"):
        table.add_column(heading, justify="left" if heading == "solver" else "right")
    ours = next(row["seconds"] for row in case["rows"] if row["solver"] == US)
    for row in case["rows"]:
        table.add_row(
            row["solver"],
            f"{row['seconds']:.3g}",
            f"{row['seconds'] / ours:.2f}",
            f"{row['error']:.1e}",
            f"{row['extra_bytes'] / 1e6:.0f}",
            str(row["runs"]),
        )
    console.print(table)


def write_json(results: list[dict], path: Path) -> None:
    """Write everything measured."""
    document = {"machine": machine(), "cases": results}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_plot(results: list[dict], path: Path) -> None:
    """Draw time against case, one mark per solver, as a page."""
    from bokeh.palettes import Colorblind8

    names = [case["name"] for case in results]
    plot = figure(
        title="Seconds to the leading singular values (worst relative error on hover)",
        y_range=FactorRange(*reversed(names)),
        x_axis_type="log",
        width=1100,
        height=120 + 24 * len(names),
        tooltips=[("solver", "@solver"), ("seconds", "@seconds"), ("error", "@error")],
    )
    found = list(dict.fromkeys(row["solver"] for case in results for row in case["rows"]))
    for i, solver in enumerate(found):
        rows = [
            {"case": case["name"], **row}
            for case in results
            for row in case["rows"]
            if row["solver"] == solver
        ]
        data = {key: [row[key] for row in rows] for key in ("case", "solver", "seconds", "error")}
        plot.scatter(
            "seconds",
            "case",
            source=ColumnDataSource(data),
            size=12 if solver == US else 8,
            color=Colorblind8[i % 8],
            legend_label=solver,
        )
    plot.legend.location = "bottom_right"
    save(plot, path, title="Benchmark of the engine", resources=INLINE)
