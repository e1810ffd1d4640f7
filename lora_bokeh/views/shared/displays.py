"""Where a page of a view is shown: in a session, in a notebook, or in a file without a Python."""

from __future__ import annotations

import weakref
from typing import Any

from bokeh.document import Document
from pyviz_comms import Comm

NAMELESS = ("Bokeh Application", "Panel Application")  # what Bokeh and Panel call a document

_places: weakref.WeakKeyDictionary[Document, dict[int, weakref.ref[Any]]] = (
    weakref.WeakKeyDictionary()
)


def has_python(doc: Document, comm: Comm | None) -> bool:
    """Whether a Python answers the page: it is served, or in a notebook, and not saved."""
    # Panel saves through a Comm that leads nowhere.
    return doc.session_context is not None or (comm is not None and type(comm) is not Comm)


def owns_address(doc: Document, comm: Comm | None) -> bool:
    """Whether the page's address may carry the state: it is the notebook's, in a notebook."""
    return doc.session_context is not None or not has_python(doc, comm)


def place_in(doc: Document, view: Any) -> int:
    """Return the place of a view among those of a document, from 1: its own as long as it lives.

    The address holds the state of each view by its place, so a view that is removed and shown again
    has to find its own.
    """
    held = _places.setdefault(doc, {})
    alive = {place: found for place, ref in held.items() if (found := ref()) is not None}
    for place, other in alive.items():
        if other is view:
            return place
    free = next(place for place in range(1, len(alive) + 2) if place not in alive)
    held[free] = weakref.ref(view)
    return free


def take_place(view: Any, other: Any) -> None:
    """Give a view the places of another one, which it is shown in the stead of."""
    for held in _places.values():
        held.update({place: weakref.ref(view) for place, ref in held.items() if ref() is other})


def name_document(doc: Document, title: str) -> None:
    """Title a document, and with it the browser's tab, unless somebody has."""
    if doc.title in NAMELESS:
        doc.title = title
