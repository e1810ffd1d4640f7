"""Detail on demand: a region of the pictures, pooled beside the page's own work."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from lora_bokeh.views.explorer.data import Opened
from lora_bokeh.views.heatmaps.blocks import Region
from lora_bokeh.views.shared.component import Shell
from lora_bokeh.views.shared.session import Session


def look_closer(shell: Shell, opened: Mapping[str, Opened], look: Mapping[str, Any]) -> None:
    """Answer a page that asks for more: ``shell.closer`` is set when a region of it is there.

    A page that was loading while its target grew may have missed some of it, and gets it again.

    Parameters
    ----------
    shell : Shell
        The page.
    opened : mapping of str to Opened
        Its targets by name.
    look : mapping
        What it asks for: ``name``, and ``region`` or ``from``, the count of terms that it has. It
        comes from a browser, and what makes no sense goes unanswered.
    """
    target = opened.get(look.get("name", ""))
    if target is None:
        return
    if type(first := look.get("from")) is int and first >= 0:
        shell.growth = {**_news(target, first), "asked": look.get("asked")}
        return
    region = region_of(look.get("region"), target.spectrum.shape)
    if region is None:
        return
    session = Session()

    def work() -> None:
        if (part := target.closer(region)) is not None:
            session.do(partial(shell.param.update, closer={"name": target.name, **part}))

    threading.Thread(target=work, daemon=True).start()


def _news(target: Opened, first: int) -> dict[str, Any]:
    """Return all that is known of a target, for a page that has its first terms."""
    terms = target.terms_from(first)
    return {**target.growth(), "terms": terms, "progress": target.progress()}


def region_of(bounds: Any, shape: tuple[int, int]) -> Region | None:
    """Return the region that four numbers stand for, or None if there is no such region."""
    if not (isinstance(bounds, list) and list(map(type, bounds)) == [int] * 4):
        return None
    region = Region(*bounds)
    rows = 0 <= region.top < region.bottom <= shape[0]
    columns = 0 <= region.left < region.right <= shape[1]
    return region if rows and columns else None
