"""Adapters made and written in one call: cut from another one, or from two checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lora_bokeh.adapters.writing import Place, check_place, write_adapter
from lora_bokeh.compress.extract import EVERYTHING, Parts, extract
from lora_bokeh.compress.report import card
from lora_bokeh.compress.resize import resize, usual_form
from lora_bokeh.compress.result import Result
from lora_bokeh.compress.scratch import Spool
from lora_bokeh.formats.source import Source
from lora_bokeh.jobs.progress import Progress, silence
from lora_bokeh.loading.open import open_source
from lora_bokeh.ranks.choice import Choice

FilePath = str | os.PathLike[str]


def save_resized(  # noqa: PLR0913 - all but three are by keyword
    source: FilePath | Source,
    path: FilePath,
    choice: Choice,
    *,
    form: str | None = None,
    dtype: str | None = None,
    force: bool = False,
    progress: Progress = silence,
) -> Result:
    """Write an adapter again with the ranks it needs.

    See :func:`lora_bokeh.compress.resize.resize`.

    Parameters
    ----------
    source : path or Source
        The adapter.
    path : path
        The folder to make, or for "kohya" the ``.safetensors`` file.
    choice : Choice
        How ranks are chosen.
    form, dtype, progress
        As for :func:`lora_bokeh.compress.resize.resize`.
    force : bool, default False
        Whether to replace an adapter that is there.

    Returns
    -------
    Result
        Before and after, for each matrix and for all.

    Raises
    ------
    SourceError, ValueError, OSError
        The adapter cannot be read or resized, the choice does not fit it, or the place is taken.
        Nothing is left behind.
    """
    found = source if isinstance(source, Source) else open_source(source)
    form = form or usual_form(found)
    work = partial(resize, found, choice, form=form, dtype=dtype, progress=progress)
    return save_made(work, Path(path), form, force)


def save_extracted(  # noqa: PLR0913 - all but four are by keyword
    base: FilePath | Source,
    tuned: FilePath | Source,
    path: FilePath,
    choice: Choice,
    *,
    parts: Parts = EVERYTHING,
    form: str = "peft",
    dtype: str | None = None,
    force: bool = False,
    progress: Progress = silence,
) -> Result:
    """Write tuned − base as an adapter; see :func:`lora_bokeh.compress.extract.extract`.

    Parameters
    ----------
    base, tuned : path or Source
        Two checkpoints.
    path, choice, force
        As for :func:`save_resized`.
    parts, form, dtype, progress
        As for :func:`lora_bokeh.compress.extract.extract`.

    Returns
    -------
    Result
        Before and after, for each matrix and for all.

    Raises
    ------
    SourceError, ValueError, OSError
        As :func:`save_resized` does.
    """
    first, second = (s if isinstance(s, Source) else open_source(s) for s in (base, tuned))
    work = partial(
        extract, first, second, choice, parts=parts, form=form, dtype=dtype, progress=progress
    )
    return save_made(work, Path(path), form, force)


def save_made(work: Callable[..., Result], path: Path, form: str, force: bool) -> Result:
    """Make an adapter and write it.

    Parameters
    ----------
    work : callable
        Takes a ``spool`` and returns the adapter.
    path, form, force
        As for :func:`save_resized`.

    Returns
    -------
    Result
        That of ``work``.

    Raises
    ------
    ValueError, OSError
        The place is taken, before any work is done; or it cannot be written.
    """
    check_place(Place(path, form, "", force))
    with Spool(path.parent) as spool:
        result = work(spool=spool)
        write_adapter(Place(path, *result.how, force), result.adapter, lambda: card(result))
    return result
