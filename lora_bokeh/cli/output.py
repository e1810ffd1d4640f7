"""What the commands print: results as a table for people, as JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lora_bokeh.engine.rounding import RoundingError
from lora_bokeh.engine.spectrum import Spectrum
from lora_bokeh.formats.tensors import TensorInfo
from lora_bokeh.lora import break_even_rank, full_count
from lora_bokeh.text import bytes_text, count, csv_cell, printable

if TYPE_CHECKING:
    from rich.table import Table

TABLE_ROWS = 64  # ranks a table shows without being asked for all of them
COLUMNS = ("rank", "sigma", "frobenius_residual", "spectral_residual", "captured_energy")


class Curve(NamedTuple):
    """A spectrum and where it comes from."""

    source: str
    tensor: str | None
    spectrum: Spectrum
    scale: float = 1.0
    floor: RoundingError | None = None
    rules: Sequence[dict[str, Any]] | None = None

    def rows(self) -> Iterator[tuple[int, float, float, float, float]]:
        """Yield one row of COLUMNS for each rank, in Python numbers."""
        s = self.spectrum
        energy = s.captured_energy()
        columns = (s.ranks, s.s, s.frobenius_residual(), s.spectral_residual(), energy)
        yield from zip(*(column.tolist() for column in columns), strict=True)


def curves_json(curves: Sequence[Curve], many: bool = False) -> str:
    """Return one JSON object, or a list of them, floats in full precision."""
    objects = [_curve_object(curve) for curve in curves]
    return as_json(objects if many else objects[0])


def _curve_object(curve: Curve) -> dict[str, Any]:
    s = curve.spectrum
    floor = {} if curve.floor is None else {"rounding_floor": curve.floor._asdict()}
    rules = {} if curve.rules is None else {"rules": curve.rules}
    return {
        "source": curve.source,
        "tensor": curve.tensor,
        "shape": list(s.shape),
        "dtype": str(s.dtype),
        "scale": curve.scale,
        "frobenius_norm": s.frobenius_norm,
        "complete": s.complete,
        **floor,
        "ranks": [dict(zip(COLUMNS, row, strict=True)) for row in curve.rows()],
        **rules,
    }


def curves_csv(curves: Sequence[Curve], many: bool = False) -> str:
    """Return a header and one line for each rank, floats in full precision."""
    head = [*(["tensor"] if many else []), *COLUMNS]
    rows = ([*([curve.tensor] if many else []), *row] for curve in curves for row in curve.rows())
    return as_csv([head, *rows])


def curve_tables(curves: Sequence[Curve], every: bool = False) -> str:
    """Return the table of each curve, a blank line between them."""
    return "\n\n".join(curve_table(curve, every) for curve in curves)


def curve_table(curve: Curve, every: bool = False) -> str:
    """Return a summary line and a table, of all ranks or of TABLE_ROWS at most."""
    s = curve.spectrum
    known = len(s.s)
    shown = s.ranks if every or known <= TABLE_ROWS else _spread(known)
    table = table_of("rank", "σ", "‖W−W_r‖_F", "‖W−W_r‖₂", "captured energy")
    rows = list(curve.rows())
    for rank in shown:
        _, sigma, frobenius, spectral, energy = rows[rank - 1]
        table.add_row(
            str(rank), f"{sigma:.7g}", f"{frobenius:.7g}", f"{spectral:.7g}", f"{energy:.5f}"
        )
    rules = [] if curve.rules is None else ["", _rules_table(curve.rules)]
    return rendered(_summary(curve), table, *_curve_notes(curve, len(shown)), *rules)


def _curve_notes(curve: Curve, shown: int) -> Iterator[str]:
    known, p = len(curve.spectrum.s), min(curve.spectrum.shape)
    if shown < known:
        yield f"{shown} of {known} ranks; --all shows every one"
    if curve.spectrum.complete:
        pass
    elif curve.spectrum.exact_tail:
        yield f"the first {known} of {p} ranks; all other singular values are zero"
    else:
        yield f"the first {known} of {p} ranks; --max-rank computes more"
    if curve.floor is not None:
        yield (
            f"rounding floor: a σ below {curve.floor.edge:.4g} cannot be told from the rounding "
            f"of what is stored, of norm {curve.floor.frobenius:.4g}"
        )


def _rules_table(rules: Sequence[dict[str, Any]]) -> Table:
    """Return rule, threshold and rank, or what is known of it."""
    table = table_of("rule", "k", "t", "rank", "", left=(0, 1, 4))
    for row in rules:
        rank = "–" if row["rank"] is None else str(row["rank"])
        threshold = "" if row["threshold"] is None else f"{row['threshold']:.4g}"
        table.add_row(row["rule"], row["formula"], threshold, rank, row["why"])
    return table


def _summary(curve: Curve) -> str:
    m, n = curve.spectrum.shape
    name = curve.source if curve.tensor is None else f"{curve.source} · {curve.tensor}"
    scale = "" if curve.scale == 1 else f"scale {curve.scale:.7g}, "
    return (
        f"{name}: {m} × {n} {curve.spectrum.dtype}, {scale}"
        f"‖W‖_F = {curve.spectrum.frobenius_norm:.7g}, break-even rank {break_even_rank(m, n):.5g}"
    )


def _spread(last: int) -> np.ndarray:
    """Return at most TABLE_ROWS ranks in [1, last], denser where the curve bends: geometrically."""
    return np.unique(np.geomspace(1, last, TABLE_ROWS).round().astype(int))


def inspect_json(source: str, tensors: Sequence[TensorInfo], notes: Sequence[str] = ()) -> str:
    """Return one JSON object with an entry for each tensor, and the notes if there are any."""
    objects = [tensor_object(t) for t in tensors]
    said = {"notes": list(notes)} if notes else {}
    return as_json({"source": source, "tensors": objects, **said})


def tensor_object(tensor: TensorInfo) -> dict[str, Any]:
    """Return what JSON says of a tensor."""
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "nbytes": tensor.nbytes,
        "parameters": _parameters(tensor),
        "break_even_rank": _break_even(tensor),
    }


def inspect_table(source: str, tensors: Sequence[TensorInfo], notes: Sequence[str] = ()) -> str:
    """Return a table with a row for each tensor, and the notes."""
    table = table_of(
        "tensor", "shape", "dtype", "bytes", "parameters", "break-even rank", left=(0,)
    )
    for t in tensors:
        rank = _break_even(t)
        table.add_row(
            t.name or "–",
            " × ".join(map(str, t.shape)) or "scalar",
            t.dtype,
            f"{t.nbytes:,}",
            f"{_parameters(t):,}",
            "–" if rank is None else f"{rank:.5g}",
        )
    return rendered(f"{source}: {count(len(tensors), 'tensor')}", table, *notes)


def _parameters(tensor: TensorInfo) -> int:
    """Count what training the whole tensor trains: all of its entries."""
    count = 1
    for length in tensor.shape:
        count = full_count(count, length)
    return count


def _break_even(tensor: TensorInfo) -> float | None:
    """Return mn/(m+n) for a matrix, None for anything else."""
    if len(tensor.shape) != 2 or 0 in tensor.shape:
        return None
    return break_even_rank(*tensor.shape)


def as_json(content: Any) -> str:
    """Return one line of JSON, in which a number that is not finite would be an error.

    What is no ASCII is escaped, and so is DEL, which JSON would let through.
    """
    return json.dumps(content, allow_nan=False).replace("\x7f", "\\u007f")


def as_csv(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of CSV, text in them made harmless."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(map(csv_cell, row) for row in rows)
    return text.getvalue().rstrip("\n")


def written(path: Path) -> str:
    """Return the line that says what was written, and how large it is."""
    return f"{printable(str(path))}: {bytes_text(path.stat().st_size)}"


def table_of(*headings: str, left: Sequence[int] = ()) -> Table:
    """Return an empty table, its columns to the right but for those counted in ``left``.

    Whatever its cells are given is made harmless.
    """
    from rich import box
    from rich.table import Table

    class PrintableTable(Table):
        def add_row(self, *cells: Any, **style: Any) -> None:
            super().add_row(*(printable(c) if isinstance(c, str) else c for c in cells), **style)

    table = PrintableTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, heading in enumerate(headings):
        side: Any = "left" if number in left else "right"
        table.add_column(heading, justify=side, overflow="fold")
    return table


def rendered(*parts: Any) -> str:
    """Return the parts as the terminal shows them; on one line each where there is no terminal.

    A text among them is a line, and made harmless: names come from files.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else 1 << 12
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for part in parts:
            console.print(printable(part) if isinstance(part, str) else part)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
