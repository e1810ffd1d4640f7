"""What the commands print: results as a table for people, as JSON and CSV for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lora_bokeh.formats.stored import TensorInfo
from lora_bokeh.lora import break_even_rank, full_count
from lora_bokeh.spectrum import Spectrum

if TYPE_CHECKING:
    from rich.table import Table

TABLE_ROWS = 64  # ranks a table shows without being asked for all of them
COLUMNS = ("rank", "sigma", "frobenius_residual", "spectral_residual", "captured_energy")


class Curve(NamedTuple):
    """A spectrum and where it comes from."""

    source: str
    tensor: str | None
    spectrum: Spectrum

    def rows(self) -> Iterator[tuple[int, float, float, float, float]]:
        """Yield one row of COLUMNS for each rank, in Python numbers."""
        s = self.spectrum
        energy = s.captured_energy()
        columns = (s.ranks, s.s, s.frobenius_residual(), s.spectral_residual(), energy)
        yield from zip(*(column.tolist() for column in columns), strict=True)


def curve_json(curve: Curve) -> str:
    """Return one JSON object, floats in full precision."""
    s = curve.spectrum
    return _json(
        {
            "source": curve.source,
            "tensor": curve.tensor,
            "shape": list(s.shape),
            "dtype": str(s.dtype),
            "scale": 1.0,
            "frobenius_norm": s.frobenius_norm,
            "complete": s.complete,
            "ranks": [dict(zip(COLUMNS, row, strict=True)) for row in curve.rows()],
        }
    )


def curve_csv(curve: Curve) -> str:
    """Return a header and one line for each rank, floats in full precision."""
    return "\n".join([",".join(COLUMNS), *(",".join(map(repr, row)) for row in curve.rows())])


def curve_table(curve: Curve, every: bool = False) -> str:
    """Return a summary line and a table, of all ranks or of TABLE_ROWS at most."""
    s = curve.spectrum
    known = len(s.s)
    shown = s.ranks if every or known <= TABLE_ROWS else _spread(known)
    table = _table("rank", "σ", "‖W−W_r‖_F", "‖W−W_r‖₂", "captured energy")
    rows = list(curve.rows())
    for rank in shown:
        _, sigma, frobenius, spectral, energy = rows[rank - 1]
        table.add_row(
            str(rank), f"{sigma:.7g}", f"{frobenius:.7g}", f"{spectral:.7g}", f"{energy:.5f}"
        )
    notes = []
    if len(shown) < known:
        notes.append(f"{len(shown)} of {known} ranks; --all shows every one")
    if not s.complete:
        notes.append(f"the first {known} of {min(s.shape)} ranks; --max-rank computes more")
    return _rendered(_summary(curve), table, *notes)


def _summary(curve: Curve) -> str:
    m, n = curve.spectrum.shape
    name = curve.source if curve.tensor is None else f"{curve.source} · {curve.tensor}"
    return (
        f"{printable(name)}: {m} × {n} {curve.spectrum.dtype}, "
        f"‖W‖_F = {curve.spectrum.frobenius_norm:.7g}, break-even rank {break_even_rank(m, n):.5g}"
    )


def _spread(last: int) -> np.ndarray:
    """Return at most TABLE_ROWS ranks in [1, last], denser where the curve bends: geometrically."""
    return np.unique(np.geomspace(1, last, TABLE_ROWS).round().astype(int))


def inspect_json(source: str, tensors: Sequence[TensorInfo]) -> str:
    """Return one JSON object with an entry for each tensor."""
    return _json(
        {
            "source": source,
            "tensors": [
                {
                    "name": t.name,
                    "shape": list(t.shape),
                    "dtype": t.dtype,
                    "nbytes": t.nbytes,
                    "parameters": _parameters(t),
                    "break_even_rank": _break_even(t),
                }
                for t in tensors
            ],
        }
    )


def inspect_table(source: str, tensors: Sequence[TensorInfo]) -> str:
    """Return a table with a row for each tensor."""
    table = _table("tensor", "shape", "dtype", "bytes", "parameters", "break-even rank")
    table.columns[0].justify = "left"
    for t in tensors:
        rank = _break_even(t)
        table.add_row(
            printable(t.name or "–"),
            " × ".join(map(str, t.shape)) or "scalar",
            t.dtype,
            f"{t.nbytes:,}",
            f"{_parameters(t):,}",
            "–" if rank is None else f"{rank:.5g}",
        )
    count = "1 tensor" if len(tensors) == 1 else f"{len(tensors)} tensors"
    return _rendered(f"{printable(source)}: {count}", table)


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


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, allow_nan=False)


def printable(text: str) -> str:
    """Escape what a terminal would obey: names come from files."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    return table


def _rendered(*parts: Any) -> str:
    """Return the parts as the terminal shows them; on one line each where there is no terminal."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 1 << 12
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get().rstrip("\n")
