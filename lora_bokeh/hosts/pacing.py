"""Websockets that read no faster than they may, so that one page's flood keeps no other waiting."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bokeh.server.urls import per_app_patterns
from tornado.websocket import WebSocketHandler

from lora_bokeh.hosts.guard import MINUTE, Guard
from lora_bokeh.views.shared.rates import Rate

SOCKET = "/ws"


@contextmanager
def paced(guard: Guard) -> Iterator[None]:
    """Have a server that is made within the block pace what its pages send."""
    before = list(per_app_patterns)
    per_app_patterns[:] = [
        (route, _paced(handler, guard) if route == SOCKET else handler, *rest)
        for route, handler, *rest in before
    ]
    try:
        yield
    finally:
        per_app_patterns[:] = before


def _paced(handler: type, guard: Guard) -> type:
    return type("PacedHandler", (Paced, handler), {"guard": guard})


class Paced(WebSocketHandler):
    """What is in front of the server's own handler of websockets."""

    guard: Guard
    heard = math.inf  # when the page last sent something

    async def prepare(self) -> None:
        """Refuse more connections from one address than it may have sessions."""
        if (waiting := super().prepare()) is not None:
            await waiting
        address = self.request.remote_ip
        several = sum(s.request.remote_ip == address for s in self.guard.sockets)
        if several >= self.guard.limits.sessions_each and not self._finished:
            self.guard.note("Too many pages are open from one address.", address or "")
            self.set_status(503)
            self.finish()

    def open(self, *args: str, **kwargs: str) -> Any:
        """Begin to listen."""
        a_second = self.guard.limits.messages_a_second
        self._rate = Rate(MINUTE * a_second, 2 * a_second)
        self.heard = time.monotonic()
        self.guard.sockets.add(self)
        return super().open(*args, **kwargs)

    async def on_message(self, message: str | bytes) -> None:
        """Take a message; the next one is not read before it is done."""
        self.heard = time.monotonic()
        while wait := self._rate.take(None):
            await asyncio.sleep(wait)
        if (handled := super().on_message(message)) is not None:
            await handled

    def on_close(self) -> None:
        """Let go of it."""
        self.guard.sockets.discard(self)
        super().on_close()
