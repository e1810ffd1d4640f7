"""The command ``train``: the steps of a descent, against the floor of its rank."""

from __future__ import annotations

from typing import Any

import click

from lora_bokeh.cli.errors import bad_input
from lora_bokeh.cli.options import (
    choice_option,
    format_option,
    lifting_option,
    rank_option,
    seed_option,
    tensor_option,
)


@click.command()
@click.argument("source", required=False)
@tensor_option
@lifting_option
@rank_option("Rank of B and A.", default=2)
@click.option("--lora-alpha", type=float, metavar="α", help="s = α/r. Default: s = 1.")
@click.option("--use-rslora", is_flag=True, help="s = α/√r.")
@choice_option("--optimizer", ("adam", "sgd"))
@click.option(
    "--learning-rate",
    type=float,
    metavar="η",
    help="Default: 0.01 for adam; for sgd mn/(2s(2σ₁ + s‖B₀‖₂² + s‖A₀‖₂²)), from the start.",
)
@click.option("--steps", default=1000, show_default=True, metavar="N")
@seed_option("Of the random start.")
@choice_option(
    "--init", ("lora", "zeros", "random"), "lora: B = 0. zeros: A = 0 too. random: neither."
)
@format_option("table", "json", "csv")
def train(source: str | None, tensor: str | None, output_format: str, **options: Any) -> None:
    """Fit s·B·A to SOURCE by gradient descent.

    The loss is ‖W − s·BA‖_F²/(mn). No B and A of rank r get below Σ_{j>r} σ_j²/(mn), the
    Eckart–Young floor; without a SOURCE, W is a random normal 8×8 matrix.

    The table shows each tenth of the steps; json and csv hold all, in full precision.
    """
    with bad_input(source):
        from lora_bokeh.cli import trained

        run = trained.trained(source, tensor, **options)
    text = {"table": run.as_table, "json": run.as_json, "csv": run.as_csv}
    click.echo(text[output_format]())
