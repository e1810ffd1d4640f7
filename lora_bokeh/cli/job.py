"""One run of ``resize`` or ``extract``: check the options, work, write, make the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from lora_bokeh.adapters.forms import FORMATS
from lora_bokeh.adapters.writing import Place, check_place
from lora_bokeh.cli.output import as_json, rendered, table_of
from lora_bokeh.cli.progress import reporting
from lora_bokeh.compress.report import COLUMNS, row, summary
from lora_bokeh.compress.result import Result
from lora_bokeh.compress.save import save_made
from lora_bokeh.formats.jsons import read_object
from lora_bokeh.ranks.choice import Choice
from lora_bokeh.ranks.knapsack import parse_budget


class Job(NamedTuple):
    """What the command line asked for.

    Attributes
    ----------
    what : str
        The source, as it was named.
    choice : Choice
        How ranks are chosen.
    output : Path or None
        Where the adapter goes; None: nowhere, only the table is wanted.
    form, dtype : str
        Of the adapter; a dtype of None is the source's.
    printed : {"table", "json"}
        Of what is printed.
    force : bool
        Whether to replace what is there.
    """

    what: str
    choice: Choice
    output: Path | None
    form: str
    dtype: str | None
    printed: str
    force: bool

    @classmethod
    def of(cls, what: str, usual_form: str, options: Mapping[str, Any]) -> Job:
        """Check the options of a command.

        Raises
        ------
        TypeError, ValueError
            They contradict each other, or the place is taken.
        """
        written, printed = _formats(options["formats"])
        output = None if options["dry_run"] else options["output"]
        if output is None and not options["dry_run"]:
            raise ValueError("say where to write it, -o DIR, or --dry-run for the table alone")
        form = written or usual_form
        job = cls(what, _choice(options), output, form, options["dtype"], printed or "table",
                  options["force"])  # fmt: skip
        if output is not None:
            check_place(Place(output, form, "", job.force))
        return job

    def done(self, work: Callable[..., Result]) -> str:
        """Do the work, write the adapter, and return what is to be printed."""
        with reporting(self.what) as progress:
            work = partial(work, self.choice, form=self.form, dtype=self.dtype, progress=progress)
            if self.output is None:
                result = work()
            else:
                result = save_made(work, self.output, self.form, self.force)
        return (as_table if self.printed == "table" else as_object)(self.what, self.output, result)


def _formats(given: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the format to write and the one to print, None where not given."""
    written = [f for f in dict.fromkeys(given) if f in FORMATS]
    printed = [f for f in dict.fromkeys(given) if f not in FORMATS]
    for both in (written, printed):
        if len(both) > 1:
            raise ValueError(f"--format {both[0]} and --format {both[1]} exclude each other")
    return next(iter(written), None), next(iter(printed), None)


def _choice(options: Mapping[str, Any]) -> Choice:
    named: dict[str, int] = dict(map(_named, options["named"]))
    if options["file"]:
        named = {**read_object(options["file"]), **named}
    budget = None if options["budget"] is None else parse_budget(options["budget"])
    choice = Choice(options["rank"], options["rule"], options["threshold"], budget,
                    options["max_rank"], named)  # fmt: skip
    if choice == Choice():
        raise ValueError(
            "say which ranks: --rank, --rule, --budget, --rank-of, --ranks or --max-rank"
        )
    return choice


def _named(text: str) -> tuple[str, int]:
    """Return the (name, rank) of NAME=R."""
    name, _, rank = text.rpartition("=")
    if not name or not rank.isdecimal():
        raise ValueError(f"--rank-of takes NAME=R with a whole number R, got {text!r}")
    return name, int(rank)


def as_table(what: str, output: Path | None, result: Result) -> str:
    """Return the table of all matrices, the sum, and the notes."""
    table = table_of(*COLUMNS, left=(0,))
    for cut in result.cuts:
        table.add_row(*row(cut))
    where = f"{output}: written" if output else "nothing was written"
    notes = [*_budget_note(result), *result.before.notes]
    return rendered(what, table, summary(result), *notes, where)


def _budget_note(result: Result) -> list[str]:
    bound = result.chosen.bound
    if bound is None:
        return []
    if result.chosen.exact:
        return ["no other ranks whose factors take as many bytes retain more"]
    return [
        f"no ranks whose factors take as many bytes retain more than {100 * min(1.0, bound):.3f} %"
    ]


def as_object(what: str, output: Path | None, result: Result) -> str:
    """Return one JSON object, floats in full precision."""
    before, after = result.parameters
    return as_json(
        {
            "source": what,
            "output": None if output is None else str(output),
            "format": result.how.form,
            "dtype": result.how.dtype,
            "matrices": [cut._asdict() for cut in result.cuts],
            "total": {
                "frobenius_norm": result.frobenius_norm,
                "residual": result.residual,
                "captured_energy": result.captured_energy,
                "energy_bound": result.chosen.bound,
                "proven_best": None if result.chosen.bound is None else result.chosen.exact,
                "rounding_error": result.rounding_error,
                "parameters_before": before,
                "parameters": after,
                "nbytes_before": result.before.nbytes,
                "nbytes": result.nbytes,
            },
            **_coverage(result),
            "notes": list(result.before.notes),
        }
    )


def _coverage(result: Result) -> dict[str, Any]:
    """Return how much of the tuned model is in the adapter, of a difference."""
    coverage = result.before.source.coverage
    return {"coverage": coverage._asdict()} if coverage else {}
