"""Servers for the browser tests: of a view, in a thread of this process, or of a command."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import panel as pn
from tornado.ioloop import IOLoop

HOST = "127.0.0.1"  # by number: a bare machine may not know "localhost"
PATIENCE = 60  # s, for a server to come up or to end


class ViewServer(threading.Thread):
    """Serves a view's factory on a free port, in an event loop that is closed at the end."""

    def __init__(self, factory: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.factory = factory
        self.listening = threading.Event()
        self.address = ""

    def run(self) -> None:
        asyncio.run(self._serve())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join(PATIENCE)
        assert not self.is_alive(), "the server does not end"

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        # Any origin may connect: the port, and so the page's own one, is known when it listens.
        where = {"port": 0, "address": HOST, "websocket_origin": "*", "loop": IOLoop.current()}
        server = pn.serve(self.factory, **where, start=False, show=False, verbose=False)
        server.start()
        self.address = f"http://{HOST}:{server.port}"
        self.listening.set()
        await self._ended.wait()
        server.stop()


@contextmanager
def serving_view(factory: Callable[[], object]) -> Iterator[str]:
    """Serve a view from this process; yield the address."""
    server = ViewServer(factory)
    server.start()
    assert server.listening.wait(PATIENCE), "the server does not listen"
    try:
        yield server.address
    finally:
        server.stop()


@contextmanager
def serving_command(command: tuple[object, ...], folder: Path) -> Iterator[str]:
    """Run ``python -m command``; yield the address that the server prints."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        text=True,
    )
    try:
        yield _announced(process.stdout)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def _announced(lines: Iterator[str]) -> str:
    said = []
    for line in lines:
        said.append(line)
        if address := re.search(r"http://\S+", line):
            return address[0]
    raise AssertionError("the server printed no address:\n" + "".join(said))
