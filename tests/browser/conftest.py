"""A real Chromium, and the pages, servers and audits that the browser tests need."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from lora_bokeh import save_html
from lora_bokeh.views.shared.assets import bundle
from tests.browser import install
from tests.browser.serving import serving_command, serving_view

PATIENCE = 30_000  # ms; machines that run tests are busy
LOCAL = re.compile(r"(file|data|blob|about):|(http|ws)://(localhost|127\.0\.0\.1)[:/]")


# Calls a function of a module once for each list of arguments: a generator runs to its end, typed
# arrays come back as lists.
CALLS = """async ([code, name, calls]) => {
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const call = (await import(url))[name];
    const plain = (value) => {
        if (value === null || typeof value !== "object") return value;
        if (ArrayBuffer.isView(value) || Array.isArray(value)) return Array.from(value, plain);
        return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, plain(held)]));
    };
    const ended = (value) => {
        if (typeof value?.next !== "function") return value;
        for (;;) { const step = value.next(); if (step.done) return step.value; }
    };
    return calls.map((args) => plain(ended(call(...args))));
}"""

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
def servers() -> Iterator[ExitStack]:
    """The servers of a test; its tabs are closed before them."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def open_tab(browser: Browser, servers: ExitStack) -> Iterator[OpenTab]:
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


@pytest.fixture
def serve_view(servers: ExitStack) -> Callable[[Callable[[], object]], str]:
    """Serve ``serve_view(factory)`` from a thread of this process; return the address."""
    return lambda factory: servers.enter_context(serving_view(factory))


@pytest.fixture
def serve_command(servers: ExitStack, pytestconfig: pytest.Config) -> Callable[..., str]:
    """Run ``serve_command("panel", "serve", path, "--port", "0")`` as ``python -m …``.

    Returns the address that the server prints.
    """
    return lambda *command: servers.enter_context(serving_command(command, pytestconfig.rootpath))


@pytest.fixture(scope="session")
def file_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[type], Path]:
    """Return the file of a class's default view, saved once however many tests look at it."""

    @cache
    def saved(view: type) -> Path:
        path = tmp_path_factory.mktemp("file") / "page.html"
        save_html(view(), path)
        return path

    return saved


@pytest.fixture
def open_file(file_of, tmp_path: Path, open_tab: OpenTab) -> OpenTab:
    """Open the file of ``open_file(view, **options)``; of a class, that of its default view."""

    def open_one(view: object, **options) -> Tab:
        if isinstance(view, type):
            return open_tab(file_of(view), **options)
        save_html(view, tmp_path / "page.html")
        return open_tab(tmp_path / "page.html", **options)

    return open_one


@pytest.fixture
def call_each(open_tab: OpenTab) -> Callable[..., list]:
    """Call ``call_each("shared/numbers.mjs", "formatCount", [[64], [4096]])`` in the page."""
    page = open_tab("about:blank").page
    return lambda module, name, calls: page.evaluate(CALLS, [bundle(module), name, list(calls)])


@pytest.fixture
def call(call_each: Callable[..., list]) -> Callable[..., object]:
    """Call ``call("shared/numbers.mjs", "formatCount", 4096)`` in the page."""
    return lambda module, name, *args: call_each(module, name, [args])[0]


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """Audit a page with axe-core; return each violation as a readable line."""
    from axe_playwright_python.sync_playwright import Axe  # the smoke suite does without

    def audit(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {each['help']}: "
            + ", ".join(str(node["target"]) for node in each["nodes"])
            for each in found
        ]

    return audit


@pytest.fixture(params=["file", "server"])
def address_of(request, tmp_path, serve_view):
    """Put a view into a file, or behind a server that makes one for each; return its address."""

    def put(factory) -> str:
        if request.param == "server":
            return serve_view(factory)
        save_html(factory(), tmp_path / "page.html")
        return (tmp_path / "page.html").as_uri()

    return put
