"""Privates of Panel, Bokeh and Tornado that this package relies on, each with what it is for.

A private may go away with any release, and what relies on it would then be silently off: a method
that nobody calls any more, a workaround that no longer finds what it works around. So each is
listed here (``tests/views/test_privates.py`` finds those that are not), and looked for when the
first page is made. ``_esm`` and ``_stylesheets`` are no privates: Panel documents them for
components.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from bokeh.document import Document


class PrivateError(ImportError):
    """The libraries that are installed lack something that this package relies on."""


class Private(NamedTuple):
    """A private of a library.

    Attributes
    ----------
    home : str
        The module or the class that has it, as "module" or "module:Class".
    names : tuple of str
        What it is called, in the newest release first.
    purpose : str
        What would be off without it.
    """

    home: str
    names: tuple[str, ...]
    purpose: str


LAST_MESSAGE = "the last of many changes reaches the page"
DISPLAYS = "a display of a view begins with the view's state and is let go when it ends"
UPLOADS = "files that are dropped on a page are bounded while they arrive"
GUARD = "a server refuses what it should before it answers"

PRIVATES = (
    Private("panel.io.document", ("_dispatch_msgs",), LAST_MESSAGE),
    Private("panel.io.document", ("_WRITE_BLOCK",), LAST_MESSAGE),
    Private("panel.io.document", ("_WRITE_EVENTS", "_WRITE_MSGS"), LAST_MESSAGE),  # until 1.9
    Private("panel.custom:JSComponent", ("_get_model",), DISPLAYS),
    Private("panel.custom:JSComponent", ("_get_properties",), DISPLAYS),
    Private("panel.custom:JSComponent", ("_cleanup",), DISPLAYS),
    Private("panel.pane:Bokeh", ("_get_model",), DISPLAYS),
    Private("panel.widgets:FileDropper", ("_process_event",), UPLOADS),
    Private("panel.widgets:FileDropper", ("_rename",), UPLOADS),
)

# Attributes of an object, not of its class: they can be looked for only where the object is, and
# there their lack is an error of itself.
OF_OBJECTS = {
    "_models": DISPLAYS,  # of a JSComponent and of a pane: the displays, by their roots
    "_views": DISPLAYS,  # of Panel's state: the displays of all, by their roots
    "_tornado": GUARD,  # of Bokeh's server: where handlers are added
    "_finished": GUARD,  # of Tornado's handlers: whether it has been answered
}


@cache
def rely_on_privates() -> None:
    """Make sure that all privates are there, and mend what is done by them.

    Raises
    ------
    PrivateError
        One of them is not.
    """
    for private in PRIVATES:
        name_of(private)
    _write_all_messages()


def name_of(private: Private) -> str:
    """Return what a private is called in the release that is installed."""
    home = home_of(private)
    for name in private.names:
        if hasattr(home, name):
            return name
    library = private.home.partition(".")[0]
    raise PrivateError(
        f"{library} {version(library)} has no {private.home}.{private.names[0]}, "
        f"by which {private.purpose}: install an older {library}, or a newer lora-bokeh"
    )


def home_of(private: Private) -> Any:
    """Return the module or the class that has a private."""
    module, _, name = private.home.partition(":")
    return getattr(import_module(module), name) if name else import_module(module)


def _write_all_messages() -> None:
    """Have Panel write all the messages that it put aside while the socket was busy.

    Each has a task of its own, which goes away if an earlier one, having written its messages,
    took the mark that some are put aside: the last message then waits for the next one to come.
    """
    document: Any = import_module("panel.io.document")
    dispatch, block, waiting = (
        getattr(document, name_of(private))
        for private in PRIVATES
        if private.purpose == LAST_MESSAGE
    )
    document._dispatch_msgs = _leaving_none(dispatch, block, waiting)


def _leaving_none(dispatch: Callable[..., Any], block: Any, waiting: Any) -> Callable[..., Any]:
    @wraps(dispatch)
    async def dispatch_all(doc: Document) -> None:
        if doc in waiting:
            block[doc] = True
        await dispatch(doc)

    return dispatch_all
