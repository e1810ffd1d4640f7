"""Progress of a computation on standard error, where that is a terminal; silence elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lora_bokeh.engine.spectrum import Spectrum, spectrum, spectrum_so_far
from lora_bokeh.engine.steps import svd_steps
from lora_bokeh.jobs.progress import counted
from lora_bokeh.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from lora_bokeh.jobs.progress import Progress as Report
    from lora_bokeh.loading.open import Entry
    from lora_bokeh.training.train import TrainingRun

BETWEEN_LOOKS = 0.1  # s
ECHO = 2  # characters a terminal adds to the line at Ctrl-C, without which it must not wrap


def computed_spectrum(what: str, matrix: Any, **options: Any) -> Spectrum:
    """Return the spectrum of a matrix, as :func:`lora_bokeh.engine.spectrum.spectrum` does."""
    steps = svd_steps(matrix, **options)
    with _bar("ranks") as bar:
        task = bar and bar.add_task(printable(what), total=steps.max_rank)
        for step in steps:
            if bar:
                bar.update(task, completed=step.rank)
    return spectrum_so_far(steps)


def each_spectrum(what: str, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Spectrum]]:
    """Yield each entry of a source with its spectrum."""
    with reporting(what) as report:
        for entry in counted(entries, lambda entry: str(entry.name), report):
            yield entry, spectrum(entry.read())


@contextmanager
def reporting(what: str) -> Iterator[Report]:
    """Give a function to be told which matrix comes next, how many are done, and of how many."""
    with _bar("matrices") as bar:
        task = bar and bar.add_task(printable(what), total=None)

        def report(name: str, done: int, total: int) -> None:
            if bar:
                shown = printable(" · ".join(filter(None, (what, name))))
                bar.update(task, completed=done, total=total, description=shown)

        yield report


def wait_for(view: Any, what: str) -> None:
    """Return when the matrix of a view is computed."""
    with _bar("ranks") as bar:
        if bar and view.progress.get("running"):
            task = bar.add_task(printable(what), total=view.progress["wanted"])
            while view.progress["running"]:
                bar.update(task, completed=view.progress["known"])
                time.sleep(BETWEEN_LOOKS)
    view.wait()


def advanced(what: str, run: TrainingRun, steps: int) -> None:
    """Take the steps of a training."""
    with _bar("steps") as bar:
        task = bar and bar.add_task(printable(what), total=steps)
        while run.steps < steps:
            run.advance(min(run.chunk, steps - run.steps))
            if bar:
                bar.update(task, completed=run.steps)


@contextmanager
def _bar(unit: str) -> Iterator[Any]:
    """Give a progress bar, or None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    with _progress(unit) as bar:
        yield bar


def _progress(unit: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # of the line, however long the name
    name = TextColumn("{task.description}", markup=False, table_column=rest)
    columns = (SpinnerColumn(), BarColumn(24), MofNCompleteColumn(), TextColumn(unit), name)
    console = Console(stderr=True)
    console.width = max(1, console.width - ECHO)
    return Progress(*columns, console=console, transient=True, expand=True)
