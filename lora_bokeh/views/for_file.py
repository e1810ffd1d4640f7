"""Which view fits a file: of its one matrix, or of the list of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from lora_bokeh.adapters.health import examined
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.matrix import check_matrix, check_rank
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.loading.open import open_source, open_tensor
from lora_bokeh.views.adapter.survey import Survey
from lora_bokeh.views.adapter.view import AdapterExplorer
from lora_bokeh.views.explorer.view import LoraExplorer


class Views(NamedTuple):
    """A maker of views of one file, which share what was read and computed of it.

    Attributes
    ----------
    make : callable
        Returns a view; for each tab its own.
    title : str
        What the page is called.
    survey : Survey or None
        Where the file is listed: what is known of its matrices.
    """

    make: Callable[[], LoraExplorer]
    title: str
    survey: Survey | None = None


def views_of(
    source: str | os.PathLike[str] | Source,
    tensor: str | None = None,
    *,
    title: str | None = None,
    called: str | tuple[str, str] | None = None,
    max_rank: int | None = None,
    **params: Any,
) -> Views:
    """Return a maker of views of a file.

    Parameters
    ----------
    source : path or Source
        See :func:`lora_bokeh.loading.open.open_source` and
        :func:`lora_bokeh.loading.open.difference`.
    tensor : str, optional
        Which matrix or LoRA module. Default: all of them, in a list, or the only one.
    title : str, optional
        What the page calls the file. Default: its name.
    called : str or (str, str), optional
        What the commands on the page call it; a difference, base and tuned. Default: paths.
    max_rank : int, optional
        How many singular values of a matrix to compute at most, see :func:`lora_bokeh.spectrum`.
    **params
        As for :class:`lora_bokeh.LoraExplorer`.

    Raises
    ------
    SourceError, ValueError, TypeError
        The file cannot be read, there is no such tensor, or its one matrix is refused.
    """
    found = examined(source if isinstance(source, Source) else open_source(source))
    title = title or found.path.name
    if tensor is None and (found.is_adapter or len(found.entries) > 1):
        if max_rank is not None:
            check_rank(max_rank, max(min(e.shape) for e in found.entries), "max_rank")
        survey = Survey(found, max_rank)
        make = partial(AdapterExplorer, survey, called=called, max_rank=max_rank, **params)
        return Views(make, title, survey)
    entry = open_tensor(found, tensor)
    name = " · ".join(filter(None, [title, entry.name]))
    w = _checked(entry, max_rank)
    shown = {"name": name, "floor": entry.rounding_error(), "max_rank": max_rank, **params}
    return Views(partial(LoraExplorer, w, **shown), name)


def view_of(source: str | os.PathLike[str] | Source, **params: Any) -> LoraExplorer:
    """Return one view of a file.

    Parameters
    ----------
    source, **params
        As in :func:`views_of`, and its errors.
    """
    return views_of(source, **params).make()


def _checked(entry: Entry, max_rank: int | None) -> Any:
    """Return the matrix, read once for all views, which must not change it."""
    w = entry.read()
    if not isinstance(w, LowRank):  # which has checked its factors
        w = check_matrix(w)
        w.setflags(write=False)
    if max_rank is not None:
        check_rank(max_rank, min(w.shape), "max_rank")
    return w
