"""How the command line fails: in one line on standard error, never in a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import click

from lora_bokeh.text import printable
from lora_bokeh.views.shared.privates import PrivateError

BAD_INPUT, INTERRUPTED = 2, 130  # the second is what shells report after SIGINT


class OneLineGroup(click.Group):
    """A command group whose failures are one line each; a closed pipe is none (click's doing)."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *rest: Any,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; exit with its code unless ``standalone_mode`` is off."""
        run = partial(super().main, args, prog_name, *rest, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            _allow_any_text()
            code: int | None = run()
        except click.ClickException as error:
            _fail(error)
        except PrivateError as error:
            _fail(click.ClickException(str(error)))
        except click.Abort:
            sys.exit(INTERRUPTED)
        sys.exit(code or 0)


@contextmanager
def bad_input(what: object = None) -> Iterator[None]:
    """Turn the library's refusals of ``what`` a person gave into one line that names it."""
    from lora_bokeh.loading.open import SourceError

    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError, TypeError, MemoryError) as error:
        named = not what or isinstance(error, SourceError)  # by its own message
        text = getattr(error, "strerror", None) or str(error) or "not enough memory"
        raise click.ClickException(text if named else f"{what}: {text}") from error


def _allow_any_text() -> None:
    """Escape what the terminal's encoding lacks instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _fail(error: click.ClickException) -> NoReturn:
    """Print the error on one line, with nothing in it a terminal would obey, and exit."""
    text = printable(" ".join(error.format_message().splitlines()))
    context = getattr(error, "ctx", None)
    hint = f" See '{context.command_path} --help'." if context else ""
    click.echo(f"lora-bokeh: {text}{hint}", err=True)
    sys.exit(BAD_INPUT)
