"""What ``serve``, ``export`` and ``figure`` show: the gallery, a matrix, a list, a difference."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lora_bokeh.cli.progress import reporting, wait_for
from lora_bokeh.cli.source import names_of, opened
from lora_bokeh.engine.matrix import check_rank
from lora_bokeh.views.explorer.view import LoraExplorer
from lora_bokeh.views.for_file import Views, views_of


def views(
    source: str | None,
    tensor: str | None,
    base: str | None,
    every: bool,
    names: Mapping[str, Any],
    **options: Any,
) -> Views:
    """Return a maker of views, which share what was read and computed, and a title.

    Parameters
    ----------
    source, tensor, base : str or None
        As on the command line.
    names : mapping
        ``maps`` and ``partial``, how the names of a base are matched.
    every : bool
        Whether all matrices of a list are to be computed now; the pairs of an adapter always are.
    **options
        As for :func:`lora_bokeh.views.for_file.views_of`.

    Raises
    ------
    SourceError, ValueError, TypeError
        What was named cannot be shown.
    """
    if source is None:
        return _gallery(tensor, base, **options)
    found = opened(source, base, **names)
    title = Path(source).name if base is None else f"{Path(source).name} − {Path(base).name}"
    called = source if base is None else (base, source)
    made = views_of(found, tensor, title=title, called=called, **options)
    if made.survey and (every or found.is_adapter):
        with reporting(source) as progress:
            made.survey.run(progress)
    return made


def view_at(source: str | None, rank: int | None, **options: Any) -> tuple[LoraExplorer, str]:
    """Return a view at a rank, with all of its matrix computed, and a title.

    Parameters
    ----------
    source, **options
        As for :func:`views`.
    rank : int or None
        None for where the view starts.

    Raises
    ------
    SourceError, ValueError, TypeError
        What was named cannot be shown, or not at that rank.
    """
    made = views(source, names=names_of(options), **options)
    view = made.make()
    if view.notice:
        raise ValueError(view.notice)
    if rank is not None:
        view.rank = check_rank(rank, view.param.rank.bounds[1])
    wait_for(view, source or "example")
    return view, made.title


def _gallery(tensor: str | None, base: str | None, **options: Any) -> Views:
    for option, given in {"--tensor": tensor, "--base": base}.items():
        if given is not None:
            raise ValueError(f"{option} needs a SOURCE to go with")
    return Views(partial(LoraExplorer, **options), "LoRA explorer")
