"""The command ``budget``: what LoRA trains of a model, and what that costs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lora_bokeh.cli.errors import bad_input
from lora_bokeh.cli.options import choice_option, format_option, output_option, rank_option

if TYPE_CHECKING:
    from lora_bokeh.models.presets import Model


@click.command()
@click.argument("model", required=False)
@rank_option("The rank of every adapter.", default=8)
@click.option(
    "--targets",
    metavar="NAMES",
    help="Which matrices, with commas: q,k,v,o,gate,up,down, names of modules, or all. "
    "Default: q,v, or c_attn or qkv_proj where these are one.",
)
@choice_option("--dtype", ("bfloat16", "float16", "float32"), "Of all weights, frozen and trained.")
@choice_option("--optimizer", ("adam", "sgd"), "Two moments for each parameter, or one.")
@click.option(
    "--shape",
    "shapes",
    metavar="MxN",
    multiple=True,
    help="A matrix of one's own instead of MODEL, such as 4096x4096; may be repeated.",
)
@click.option("--list", "listed", is_flag=True, help="List the models known, and their matrices.")
@output_option("PAGE.html", "Write the interactive page instead, one file that works offline.")
@format_option("table", "json", "csv")
def budget(
    model: str | None, shapes: tuple[str, ...], listed: bool, output_format: str, **options: Any
) -> None:
    """Print what LoRA trains of MODEL, and what that costs.

    For each module: its matrices, their entries, the parameters that rank R trains instead, the
    savings (negative past the break-even rank) and that rank. Then the bytes on disk and while
    training, by LoRA and by training all of the model, and what else the same number of parameters
    would buy.

    Gradients are held in the dtype of the weights, an optimiser's moments in float32, and 16-bit
    weights are trained through a float32 copy; activations are not counted.
    """
    with bad_input():
        if listed:
            text = _listed(output_format)
        else:
            text = _spent(_model(model, shapes), output_format, **options)
    click.echo(text)


def _listed(output_format: str) -> str:
    from lora_bokeh.cli import budget_output as output
    from lora_bokeh.models.presets import presets

    if output_format == "csv":
        raise ValueError("--list prints a table or json")
    text = {"table": output.models_table, "json": output.models_json}
    return text[output_format](presets().values())


def _spent(
    model: Model, output_format: str, output: Path | None, targets: str | None, **how: Any
) -> str:
    from lora_bokeh.cli import budget_output as texts
    from lora_bokeh.models.parameter_budget import parameter_budget

    how["targets"] = None if targets is None else [name.strip() for name in targets.split(",")]
    if output is not None:
        return _saved(output, model, **how)
    text = {"table": texts.budget_table, "json": texts.budget_json, "csv": texts.budget_csv}
    return text[output_format](parameter_budget(model, **how))


def _saved(path: Path, model: Model, rank: int, **how: Any) -> str:
    from lora_bokeh.cli.output import written
    from lora_bokeh.engine.matrix import check_rank
    from lora_bokeh.models.parameter_budget import full_rank

    check_rank(rank, full_rank(model.modules))
    from lora_bokeh.hosts.html_file import save_html
    from lora_bokeh.views.budget.view import BudgetExplorer

    view = BudgetExplorer(model, rank, **how)
    with bad_input(path):
        save_html(view, path, title="Parameter budget")
    return written(path)


def _model(name: str | None, shapes: tuple[str, ...]) -> Model:
    from lora_bokeh.models.presets import find_model, own_model

    if (name is None) == (not shapes):
        raise ValueError("name one MODEL, or give its matrices by --shape; --list shows the models")
    return own_model(*map(_shape, shapes)) if name is None else find_model(name)


def _shape(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d+)\s*[x×*,]\s*(\d+)\s*", text)
    if found is None:
        raise ValueError(f"--shape takes rows x columns, such as 4096x4096; got {text!r}")
    return int(found[1]), int(found[2])
