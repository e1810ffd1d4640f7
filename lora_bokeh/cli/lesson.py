"""The command ``lesson``: the lesson in the browser, or as one file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from lora_bokeh.cli.errors import bad_input
from lora_bokeh.cli.options import output_option, seed_option, serving_options


@click.command()
@output_option("LESSON.html", "Write one HTML file, which works offline, instead of serving.")
@seed_option("Shuffles the curves of the first act.")
@serving_options
def lesson(output: Path | None, seed: int, **options: Any) -> None:
    """Open a lesson on LoRA: predict, try, reveal.

    Seventeen acts, each checked by computed numbers; a mode to explore all views without tasks;
    a page for instructors, with objectives, timing and answers.
    """
    with bad_input(output):
        from lora_bokeh.cli.output import written
        from lora_bokeh.hosts.html_file import save_html
        from lora_bokeh.lesson.view import TITLE, Lesson

        make = partial(Lesson, seed=seed)
        made = make()  # which refuses a bad seed before anything is opened
        if output is not None:
            save_html(made, output, title=TITLE)
            click.echo(written(output))
            return
        from lora_bokeh.cli.hosting import serve_to

        serve_to(make, TITLE, options)
