"""The command ``figure``: a figure of the explorer for papers and slides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lora_bokeh.cli.errors import bad_input
from lora_bokeh.cli.options import (
    base_options,
    lifting_option,
    max_rank_option,
    metric_option,
    output_option,
    rank_option,
    tensor_option,
)
from lora_bokeh.text import printable

ENDINGS = (".svg", ".pdf", ".png")


@click.command()
@click.argument("source", required=False)
@output_option("FIGURE.svg|pdf|png", "The file to write; its ending says what.", required=True)
@tensor_option
@base_options
@lifting_option
@click.option(
    "--figure",
    default="curve",
    show_default=True,
    help="curve; factors; map of a list; map-w, map-r, map-error, map-b, map-a: heat maps.",
)
@rank_option("The rank shown.")
@metric_option("The norm of the residual.")
@max_rank_option
@click.option("--link", metavar="STATE", default="", help="A link's end, 'rank=5&metric=spectral'.")
@click.option("--width", type=int, metavar="PX", help="Of the picture, 96 px an inch.")
@click.option("--height", type=int, metavar="PX", help="Of the picture.")
@click.option("--scale", type=float, metavar="X", help="Pixels of a PNG for one px. [default: 3]")
@click.option("--dark", is_flag=True, help="In the page's dark colours; else light, on white.")
def figure(source: str | None, output: Path, rank: int | None, **options: Any) -> None:
    """Write a figure of the explorer as SVG, PDF or PNG.

    It shows SOURCE, or an example. The explorer's page draws it in a Chromium or Chrome of this
    machine, which needs Playwright: pip install 'lora-bokeh[figure]'.
    """
    names = ("figure", "width", "height", "dark", "link")
    drawing = {name: options.pop(name) for name in names}
    if options["scale"] is not None:
        drawing["scale"] = options["scale"]
    save = _saver(output, options.pop("scale"))
    with bad_input(source):
        from lora_bokeh.cli.output import written
        from lora_bokeh.cli.pages import view_at

        view, _ = view_at(source, rank, every=False, **options)
    with bad_input(output):
        notice = save(view, output, **drawing)
    if notice:
        click.echo(printable(notice), err=True)
    click.echo(written(output))


def _saver(output: Path, scale: float | None) -> Any:
    """Return the function that writes such a file."""
    ending = output.suffix.lower()
    if ending not in ENDINGS:
        raise click.ClickException(f"{output}: the ending must be one of {', '.join(ENDINGS)}")
    if scale is not None and ending != ".png":
        raise click.ClickException(f"{output}: --scale is for a .png, which has pixels")
    from lora_bokeh.hosts import figure_file

    return getattr(figure_file, f"save_{ending[1:]}")
