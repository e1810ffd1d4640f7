"""The page around a view, where it is ours: the served app and the exported file."""

from __future__ import annotations

from typing import Any

import panel as pn
from jinja2 import Template
from panel.io.resources import parse_template

from lora_bokeh.views.shared.assets import read

TITLE = "LoRA explorer"


def template(head: str = "") -> Template:
    """Return Panel's page with a main landmark, our style and ``head`` in its head."""
    text = read("hosts", "page.html").replace("{# style #}", read("hosts", "page.css"))
    return parse_template(text.replace("{# head #}", head))


def page(view: Any, title: str = TITLE) -> Any:
    """Dress the current session's document for one view, and return the view.

    Parameters
    ----------
    view : Viewer
        The view that the page shows.
    title : str, default "LoRA explorer"
        Title of the browser tab.
    """
    if pn.state.curdoc is not None:
        pn.state.curdoc.template = template()
        pn.state.curdoc.title = title
    return view
