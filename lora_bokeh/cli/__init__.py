"""The command line: one command, one library call.

The imports of a command stand inside it, so that ``curve`` and ``inspect`` load neither Bokeh nor
Panel, and ``--help`` almost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from lora_bokeh.cli.budget import budget
from lora_bokeh.cli.errors import OneLineGroup, bad_input
from lora_bokeh.cli.figure import figure
from lora_bokeh.cli.lesson import lesson
from lora_bokeh.cli.options import (
    alpha_option,
    base_options,
    format_option,
    lifting_option,
    max_rank_option,
    metric_option,
    output_option,
    pattern_option,
    rank_option,
    seed_option,
    serving_options,
    strict_option,
    tensor_option,
    uploading_options,
)
from lora_bokeh.cli.resize import extract, resize
from lora_bokeh.cli.train import train


@click.group(
    cls=OneLineGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="lora-bokeh", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Show what LoRA rank r buys for a matrix.

    SOURCE is a .npy, .npz, .csv or .safetensors file, a LoRA adapter (of PEFT, kohya, diffusers
    and others), a sharded checkpoint's index, or a folder with one of these. Files are never
    unpickled. The exit code is 0, or 2 for bad input with one line on standard error.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@main.command()
@click.argument("source", required=False)
@tensor_option
@base_options
@lifting_option
@serving_options
@uploading_options
def serve(source: str | None, tensor: str | None, base: str | None, **options: Any) -> None:
    """Open the explorer in the browser.

    It shows SOURCE, or an example, and is served until Ctrl-C. Where SOURCE holds several matrices
    the page lists them. With --uploads files can be dropped on the page.

    The page is for this machine only, unless --address or a proxy opens it to others; each limit
    then has an option, and docs/deploy.md says what to set.
    """
    with bad_input(source):
        from lora_bokeh.cli.pages import views
        from lora_bokeh.cli.source import names_of

        made = views(source, tensor, base, every=False, names=names_of(options))
    with bad_input():
        from lora_bokeh.cli.hosting import serve_to, with_uploads

        make = with_uploads(made, options) if options["uploads"] else made.make
        serve_to(make, made.title, options)


@main.command()
@click.argument("source", required=False)
@output_option("PAGE.html", "The file to write.", required=True)
@tensor_option
@base_options
@lifting_option
@rank_option("The rank the page opens with.")
@metric_option("The norm of the residual the page opens with.")
@max_rank_option
def export(source: str | None, output: Path, rank: int | None, **options: Any) -> None:
    """Write the explorer as one HTML file.

    It shows SOURCE, or an example, and works offline. Where SOURCE holds several matrices the page
    lists them and holds the curve of each.
    """
    with bad_input(source):
        from lora_bokeh.cli.pages import view_at

        view, title = view_at(source, rank, every=True, **options)
    from lora_bokeh.cli.output import written
    from lora_bokeh.hosts.html_file import save_html

    with bad_input(output):
        save_html(view, output, title=title)
    click.echo(written(output))


@main.command()
@click.argument("source")
@pattern_option
@base_options
@alpha_option
@max_rank_option
@format_option("table", "json", "csv")
@lifting_option
@seed_option("Of the iteration's random start.")
@click.option("--all", "every", is_flag=True, help="Every rank in the table, however many.")
@click.option("--rules", is_flag=True, help="Add the rank by every rule, at its usual threshold.")
def curve(source: str, output_format: str, every: bool, rules: bool, **options: Any) -> None:
    """Print what each rank of SOURCE buys.

    For each rank r: σ_r, the residual ‖W−W_r‖ in the Frobenius and in the spectral norm, and the
    captured energy, a fraction of ‖W‖_F². Of a LoRA pair W is ΔW = s·B·A, its scale included.

    json and csv hold every rank in full precision; a long table shows some of them, evenly spread
    on a logarithmic scale, unless --all is given. If NAME is a shell pattern, json is a list, csv
    has the name in front of each row, and the table is repeated.
    """
    from lora_bokeh.cli import output as cli_output
    from lora_bokeh.cli.look import curves
    from lora_bokeh.cli.source import names_of

    with bad_input(source):
        found, many = curves(source, rules=rules, names=names_of(options), **options)
    text: dict[str, Callable[..., str]] = {
        "table": partial(cli_output.curve_tables, every=every),
        "json": partial(cli_output.curves_json, many=many),
        "csv": partial(cli_output.curves_csv, many=many),
    }
    click.echo(text[output_format](found))


@main.command()
@click.argument("source")
@base_options
@alpha_option
@strict_option
@lifting_option
@format_option("table", "json")
def inspect(source: str, **options: Any) -> None:
    """List the tensors in SOURCE, or the pairs if it is a LoRA adapter.

    Of a tensor: its shape, dtype and bytes, the parameters that training all of it would take, and
    for an m×n matrix the break-even rank mn/(m+n), at which LoRA takes as many.

    Of a pair: the shape of ΔW = s·B·A, its rank r and scale s, dtype and bytes, the ranks that
    hold 90, 95 and 99 % of the energy of ΔW, and the stable rank ‖ΔW‖_F²/σ₁². Then whatever else
    is in the file, by kind and name.
    """
    from lora_bokeh.cli.look import inspected
    from lora_bokeh.cli.source import names_of

    with bad_input(source):
        text = inspected(source, names=names_of(options), **options)
    click.echo(text)


main.add_command(resize)
main.add_command(extract)
main.add_command(figure)
main.add_command(budget)
main.add_command(train)
main.add_command(lesson)
