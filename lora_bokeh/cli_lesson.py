"""The command ``lesson``: the lesson in the browser, or as one file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from lora_bokeh.cli_errors import bad_input


@click.command()
@click.option(
    "-o",
    "--output",
    metavar="LESSON.html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write one HTML file, which works offline, instead of serving.",
)
@click.option("--seed", default=0, show_default=True, help="Shuffles the curves of the first act.")
@click.option("--port", default=5006, show_default=True, help="0 picks a free port.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--no-show", is_flag=True, help="Do not open a browser.")
def lesson(output: Path | None, seed: int, port: int, address: str, no_show: bool) -> None:
    """Open a lesson on LoRA: predict, try, reveal.

    Seventeen acts, each checked by computed numbers; a mode to explore all views without tasks;
    a page for instructors, with objectives, timing and answers.
    """
    with bad_input(output):
        from lora_bokeh.export import save_html
        from lora_bokeh.lesson.view import TITLE, Lesson
        from lora_bokeh.server import serve

        make = partial(Lesson, seed=seed)
        made = make()  # which refuses a bad seed before anything is opened
        if output is not None:
            save_html(made, output, title=TITLE)
            click.echo(f"{output}: {output.stat().st_size / 1e6:.2f} MB")
            return
        serve(make, port=port, address=address, show=not no_show, title=TITLE, announce=click.echo)
