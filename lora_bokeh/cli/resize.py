"""The commands that write adapters: ``resize`` and ``extract``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from lora_bokeh.adapters.forms import DTYPES, FORMATS
from lora_bokeh.cli.errors import bad_input
from lora_bokeh.cli.options import (
    alpha_option,
    lifting_option,
    name_options,
    rank_option,
    strict_option,
)

PRINTED = ("table", "json")

OPTIONS = (
    click.option("-o", "--output", metavar="DIR", help="The folder to make (kohya: the file).",
                 type=click.Path(path_type=Path)),
    rank_option("One rank for every matrix."),
    click.option("--rule", metavar="NAME", help="By a rule: energy, sv_fro … (curve --rules)."),
    click.option("--threshold", type=float, metavar="T", help="Of the rule. Default: its own."),
    click.option("--budget", metavar="SIZE",
                 help="Of all together, spent where it captures most: 20MB, 1.5GiB, '2M params'."),
    click.option("--rank-of", "named", metavar="NAME=R", multiple=True,
                 help="The rank of a matrix, or of all that fit a shell pattern; 0 leaves it out."),
    click.option("--ranks", "file", metavar="FILE", type=click.Path(path_type=Path),
                 help='The same from a JSON file, {"NAME": R, …}.'),
    click.option("--max-rank", type=int, metavar="K", help="No rank is larger."),
    click.option("--dtype", type=click.Choice(DTYPES), help="Default: that of the source."),
    click.option("--format", "formats", type=click.Choice([*FORMATS, *PRINTED]), multiple=True,
                 help="What is written, peft or kohya, and what is printed, table or json; may be "
                 "given once for each. Default: the source's kind, else peft; table."),
    click.option("--dry-run", is_flag=True, help="Print the table, write nothing."),
    click.option("--force", is_flag=True, help="Replace an adapter that is there."),
)  # fmt: skip


def writing(command: Callable) -> Callable:
    """Give a command the options of one that writes an adapter."""
    for option in reversed(OPTIONS):
        command = option(command)
    return lifting_option(command)


@click.command()
@click.argument("adapter")
@writing
@alpha_option
@strict_option
def resize(adapter: str, alpha: float | None, strict: bool, **options: Any) -> None:
    """Write ADAPTER again with the ranks it needs.

    Each pair is replaced by the best approximation of its rank, from its factors alone; its scale
    goes into them, and alpha = r is written. Everything else in the adapter is kept as it is. A
    rank is never raised.

    The table states, for each matrix and for all, the rank before and after, the energy retained
    (a share of the exact ‖ΔW‖_F²), the residual ‖ΔW − ΔW_r‖_F and the bytes.
    """
    with bad_input():
        from lora_bokeh.adapters.health import check_healthy, examined
        from lora_bokeh.cli.job import Job
        from lora_bokeh.compress.resize import resize as resized
        from lora_bokeh.compress.resize import usual_form
        from lora_bokeh.loading.open import open_source

        source = examined(open_source(adapter, alpha))
        if strict:
            check_healthy(source)
        job = Job.of(adapter, usual_form(source), options)
        text = job.done(partial(resized, source))
    click.echo(text)


@click.command()
@click.argument("base")
@click.argument("tuned")
@writing
@click.option(
    "--include",
    multiple=True,
    metavar="PATTERN",
    help="Shell pattern of the tensors to compare; may be repeated. Default: all.",
)
@click.option("--exclude", multiple=True, metavar="PATTERN", help="And of those not to.")
@name_options
@click.option(
    "--save-modules",
    is_flag=True,
    help="Keep what changed besides matrices: modules_to_save, and biases.",
)
def extract(
    base: str,
    tuned: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    save_modules: bool,
    **options: Any,
) -> None:
    """Write TUNED − BASE as an adapter.

    BASE and TUNED are checkpoints: files, folders, sharded or not. Tensors are matched by name,
    names that a wrapper changed by their longest ending, and subtracted one at a time. Of each
    difference at most 128 ranks are computed, unless --max-rank or a rank says more; a matrix that
    did not change is left out. What is no matrix, or has no counterpart, is listed.

    The table is that of resize.
    """
    with bad_input():
        from lora_bokeh.cli.job import Job
        from lora_bokeh.cli.source import matching
        from lora_bokeh.compress.extract import Parts
        from lora_bokeh.compress.extract import extract as extracted
        from lora_bokeh.loading.open import open_source

        job = Job.of(tuned, "peft", options)
        names = matching(options.pop("maps"), options.pop("partial"))
        parts = Parts(include, exclude, save_modules, names)
        sources = open_source(base), open_source(tuned)
        text = job.done(partial(extracted, *sources, parts=parts))
    click.echo(text)
