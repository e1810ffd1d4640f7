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
alpha_option = click.option(
    "--alpha", type=float, metavar="A", help="The lora_alpha of an adapter that does not say it."
)
strict_option = click.option(
    "--strict", is_flag=True, help="Refuse an adapter of which not everything is sound."
)
map_option = click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="OLD=NEW",
    help="Names that begin with OLD in the tuned model begin with NEW in the base; repeatable.",
)
partial_option = click.option(
    "--partial", is_flag=True, help="Go on where less than half of the tuned model matches."
)
max_rank_option = click.option(
    "--max-rank",
    type=int,
    metavar="K",
    help="Compute the K leading singular values. Default: all up to 1024, else 64.",
)


def name_options(command: Callable) -> Callable:
    """Give a command the options of how the names of two checkpoints are matched."""
    return map_option(partial_option(command))


def base_options(command: Callable) -> Callable:
    """Give a command the base of a difference, and how its names are matched."""
    return base_option(name_options(command))


PORT = click.option("--port", default=5006, show_default=True, help="0 picks a free port.")
ADDRESS = click.option(
    "--address",
    default="127.0.0.1",
    show_default=True,
    help="0.0.0.0 opens the page to the network.",
)
NO_SHOW = click.option("--no-show", is_flag=True, help="Do not open a browser.")

HOSTING = (
    click.option("--allow-origin", "origins", metavar="NAME[:PORT]", multiple=True,
                 help="Another name of this server, such as a proxy's; may be repeated."),
    click.option("--embed-in", metavar="ORIGIN", multiple=True,
                 help="An origin, https://NAME, whose pages may show this one in a frame."),
    click.option("--behind-proxy", "proxied", is_flag=True,
                 help="Take the browsers' addresses from the proxy's X-Forwarded-For."),
    click.option("--max-sessions", default=100, show_default=True, metavar="N",
                 type=click.IntRange(1), help="Pages open at a time."),
    click.option("--max-sessions-each", default=50, show_default=True, metavar="N",
                 type=click.IntRange(1), help="Of these, from one address."),
    click.option("--page-rate", default=120.0, show_default=True, metavar="N",
                 type=click.FloatRange(1), help="Pages a minute for one address."),
    click.option("--message-rate", default=400.0, show_default=True, metavar="N",
                 type=click.FloatRange(1), help="Messages a second of one page; more wait."),
    click.option("--idle", metavar="MINUTES", type=click.FloatRange(0, min_open=True),
                 help="End a silent page's session. Default: 60 where others may connect."),
    click.option("--max-memory", metavar="SIZE",
                 help="Memory past which no more pages open. Default: 75 % of the machine's."),
    click.option("--compute-time", default=60.0, show_default=True, metavar="SECONDS",
                 type=click.FloatRange(0, min_open=True),
                 help="Time to compute one matrix, or all pairs of an adapter that was dropped."),
    click.option("--log-level", type=click.Choice(("info", "warning", "error")),
                 default="warning", show_default=True, help="What is logged on standard error."),
)  # fmt: skip

UPLOADING = (
    click.option("--uploads", is_flag=True, help="Have a place on the page to drop files on."),
    click.option("--max-upload", default="256MiB", show_default=True, metavar="SIZE",
                 help="The largest file that may be dropped."),
    click.option("--max-uploads", default=100, show_default=True, metavar="N",
                 type=click.IntRange(1), help="Files of one session."),
    click.option("--upload-rate", default=20.0, show_default=True, metavar="N",
                 type=click.FloatRange(0, min_open=True),
                 help="Files a minute from one address."),
    click.option("--max-stored", default="4GiB", show_default=True, metavar="SIZE",
                 help="Disk that the files of all sessions may take."),
    click.option("--read-time", default=20.0, show_default=True, metavar="SECONDS",
                 type=click.FloatRange(0, min_open=True), help="Time to read one file."),
    click.option("--read-memory", default="1GiB", show_default=True, metavar="SIZE",
                 help="Memory of the process that reads a file."),
    click.option("--max-matrix", default="1GiB", show_default=True, metavar="SIZE",
                 help="The largest matrix, in float64, that a dropped file may hold."),
)  # fmt: skip


def uploading_options(command: Callable) -> Callable:
    """Give a command the options of one on whose page files may be dropped."""
    for option in reversed(UPLOADING):
        command = option(command)
    return command


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
    for option in reversed((PORT, ADDRESS, NO_SHOW, *HOSTING)):
        command = option(command)
    return command


def lifting_option(command: Callable) -> Callable:
    """Give a command that reads files the option to read them whatever their size."""
    return click.option(
        "--no-limits",
        is_flag=True,
        expose_value=False,
        callback=_lift,
        help="Read a file even if it unpacks to gigabytes or lists a million tensors.",
    )(command)


def _lift(context: click.Context, _option: click.Parameter, given: bool) -> None:
    if given:
        from lora_bokeh.formats.limits import UNLIMITED, limited

        context.with_resource(limited(UNLIMITED))
