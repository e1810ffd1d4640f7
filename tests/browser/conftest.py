"""A real Chromium, and the pages, servers and audits that the browser tests need."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import panel as pn
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.browser import install

PATIENCE = 15_000  # ms; machines that run tests are busy
HOST = "127.0.0.1"  # by number: a bare machine may not know "localhost"
LOCAL = re.compile(r"(file|data|blob|about):|(http|ws)://(localhost|127\.0\.0\.1)[:/]")


expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that reaches for the browser."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this machine; without one, tests fail in CI and are skipped elsewhere."""
    with ExitStack() as stack:
        try:
            chromium = stack.enter_context(install.chromium())
        except install.NoBrowserError as error:
            (pytest.fail if "CI" in os.environ else pytest.skip)(str(error))
        yield chromium


@dataclass
class Tab:
    """A page, and what it said and sent since it was opened."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    frames: list[str | bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: socket.on("framesent", self._sent))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _sent(self, frame: str | bytes) -> None:
        self.frames.append(frame)

    @property
    def outside(self) -> list[str]:
        """Requests to anything but this machine."""
        return [url for url in self.requests if not LOCAL.match(url)]


OpenTab = Callable[..., Tab]


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Open ``open_tab(url or path, color_scheme="dark", reduced_motion="reduce", width=390)``.

    Files are opened with the network cut. Every tab must have been silent on the console and have
    asked nothing of the outside by the end of its test.
    """
    tabs = []

    def open_one(target: str | Path, *, width: int = 1280, height: int = 900, **context) -> Tab:
        url = target.resolve().as_uri() if isinstance(target, Path) else target
        context |= {"viewport": {"width": width, "height": height}}
        tab = Tab(browser.new_context(offline=url.startswith("file:"), **context).new_page())
        tabs.append(tab)
        tab.page.set_default_timeout(PATIENCE)
        tab.page.goto(url)
        return tab

    yield open_one
    for tab in tabs:
        tab.page.context.close()
    assert [tab.errors for tab in tabs] == [[] for _ in tabs]
    assert [tab.outside for tab in tabs] == [[] for _ in tabs]


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server((HOST, 0)) as server:
        return server.getsockname()[1]


def wait_for(port: int, seconds: float = 30) -> None:
    """Return when somebody listens on the port."""
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection((HOST, port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.fixture
def serve_view() -> Iterator[Callable[[Callable[[], object]], str]]:
    """Serve ``serve_view(factory)`` from a thread of this process; return the address."""
    servers = []

    def serve(factory: Callable[[], object]) -> str:
        port = free_port()
        where = {"port": port, "address": HOST, "websocket_origin": f"{HOST}:{port}"}
        servers.append(pn.serve(factory, **where, threaded=True, show=False, verbose=False))
        wait_for(port)
        return f"http://{HOST}:{port}"

    yield serve
    for server in servers:
        server.stop()


@pytest.fixture
def serve_command(pytestconfig: pytest.Config) -> Iterator[Callable[..., str]]:
    """Run ``serve_command("panel", "serve", path, "--port", "0")`` as ``python -m …``.

    Returns the address that the server prints.
    """
    processes = []

    def serve(*command: object) -> str:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=pytestconfig.rootpath,
            text=True,
        )
        processes.append(process)
        said = []
        for line in process.stdout:
            said.append(line)
            if address := re.search(r"http://\S+", line):
                return address[0]
        raise AssertionError("the server printed no address:\n" + "".join(said))

    yield serve
    for process in processes:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """Audit a page with axe-core; return each violation as a readable line."""

    def audit(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {each['help']}: "
            + ", ".join(str(node["target"]) for node in each["nodes"])
            for each in found
        ]

    return audit
