"""The session that a page is served in: what its own thread does, and what is on the way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any

import panel as pn
from bokeh.document import Document
from panel.io.state import set_curdoc

from lora_bokeh.views.shared.privates import rely_on_privates

rely_on_privates()

Act = Callable[[], object]


def _call(act: Callable[..., object], *args: Any) -> None:
    act(*args)


# How work comes to the session's own thread, where a thread makes something for a session.
_hand_over: ContextVar[Callable[..., object]] = ContextVar("hand_over", default=_call)


def session_document() -> Document | None:
    """Return the document of the server session that this runs in; None in a notebook or script."""
    doc = pn.state.curdoc
    return None if doc is None or doc.session_context is None else doc


class Session:
    """The session that it is made in, or none.

    Only a session's own thread changes its page. Without a session, whoever has something to do
    does it.
    """

    def __init__(self) -> None:
        self._doc = session_document()
        self._hand_over = _hand_over.get()
        with suppress(RuntimeError):  # no session, or a thread of Panel's pool
            self._hand_over = asyncio.get_running_loop().call_soon_threadsafe

    @property
    def served(self) -> bool:
        """Whether a server's page waits for it."""
        return self._doc is not None

    @property
    def address(self) -> str:
        """Where its browser is, as far as the server knows."""
        context = None if self._doc is None else self._doc.session_context
        return str(getattr(context and context.request, "remote_ip", None) or "")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have what is made within a block, in whatever thread, belong to this session."""
        token = _hand_over.set(self._hand_over)
        try:
            with set_curdoc(self._doc) if self._doc is not None else nullcontext():
                yield
        finally:
            _hand_over.reset(token)

    def do(self, act: Act) -> None:
        """Have something done, soon, by the session's own thread; may be called in any thread."""
        if self._doc is None:
            act()
            return
        # Not by Document.add_next_tick_callback, which may get lost in what Panel holds meanwhile.
        with suppress(RuntimeError):  # the server has stopped
            self._hand_over(self._do_next, act)

    def asking(self, act: Act) -> Act:
        """Return what asks for ``act``; it is done once, however often asked before its turn."""
        asked = False

        def once() -> None:
            nonlocal asked
            asked = False  # first of all: what happens from now on is another turn's
            act()

        def ask() -> None:
            nonlocal asked
            if not asked:
                asked = True
                self.do(once)

        return ask

    def at_end(self, act: Act) -> None:
        """Have something done when the session ends."""
        if self._doc is not None:
            self._doc.on_session_destroyed(lambda _context: act())

    def _do_next(self, act: Act) -> None:
        if self._doc is not None and self._doc.session_context is not None:  # its page is open
            self._doc.add_next_tick_callback(act)
