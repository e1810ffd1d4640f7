"""The options that several commands have, each declared once.

Where an option means something a little different from command to command, a function takes the
help text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

Option = Callable[[Callable], Callable]

tensor_option = click.option(
    "--tensor", metavar="NAME", help="Which tensor or LoRA module of SOURCE."
)
pattern_option = click.option(
    "--tensor",
    metavar="NAME",
    help="Which tensor or LoRA module; a shell pattern like '*.q_proj' takes all that fit.",
)
base_option = click.option(
    "--base",
    metavar="BASE",
    help="Another checkpoint: look at SOURCE − BASE, tensors matched by name.",
)
max_rank_option = click.option(
    "--max-rank",
    type=int,
    metavar="K",
    help="Compute the K leading singular values. Default: all up to 1024, else 64.",
)

PORT = click.option("--port", default=5006, show_default=True, help="0 picks a free port.")
ADDRESS = click.option(
    "--address",
    default="127.0.0.1",
    show_default=True,
    help="0.0.0.0 opens the page to the network.",
)
NO_SHOW = click.option("--no-show", is_flag=True, help="Do not open a browser.")


def choice_option(
    name: str, answers: Sequence[str], text: str | None = None, called: str | None = None
) -> Option:
    """Return an option with a few answers, the first of them its default.

    ``called`` is the command's argument, if it is not named as the option is.
    """
    return click.option(
        *filter(None, (name, called)),
        type=click.Choice(answers), default=answers[0], show_default=True, help=text,
    )  # fmt: skip


def rank_option(text: str, default: int | None = None) -> Option:
    """Return the option of one rank R."""
    return click.option(
        "--rank", type=int, metavar="R", default=default, show_default=True, help=text
    )


def metric_option(text: str) -> Option:
    """Return the option that chooses the norm of the residual."""
    return choice_option("--metric", ("frobenius", "spectral"), text)


def format_option(*formats: str) -> Option:
    """Return the option that chooses among the formats of what is printed, a table by default."""
    return choice_option("--format", formats, called="output_format")


def output_option(metavar: str, text: str, required: bool = False) -> Option:
    """Return the option of the file to write."""
    path = click.Path(dir_okay=False, writable=True, path_type=Path)
    return click.option("-o", "--output", metavar=metavar, type=path, required=required, help=text)


def seed_option(text: str) -> Option:
    """Return the option of a seed, 0 by default."""
    return click.option("--seed", default=0, show_default=True, help=text)


def serving_options(command: Callable) -> Callable:
    """Give a command the options of one that serves a page."""
    return PORT(ADDRESS(NO_SHOW(command)))
