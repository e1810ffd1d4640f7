"""A headless Chromium, driven by Playwright, for what only the page itself can draw."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

DRIVER = [sys.executable, "-m", "playwright"]
SYSTEM_NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "msedge"),
)
FLAGS = ("--disable-gpu", "--disable-quic")
MISSING = (
    "no Chromium or Chrome starts on this machine: install one, or run "
    "`playwright install chromium`"
)


class NoBrowserError(OSError):
    """No Chromium on this machine starts."""


@contextmanager
def chromium(flags: Sequence[str] = FLAGS) -> Iterator[Browser]:
    """Run the first Chromium of this machine that starts.

    Parameters
    ----------
    flags : sequence of str
        What it is started with.

    Raises
    ------
    NoBrowserError
        Playwright is not installed, or no Chromium starts; the message says how to get one.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowserError(
            "pictures are drawn by a browser, which needs Playwright: "
            "pip install 'lora-bokeh[figure]'"
        ) from None
    # Playwright's driver is a Node.js, which a bare Debian lacks a library for.
    if subprocess.call([*DRIVER, "--version"], stdout=subprocess.DEVNULL) != 0:  # noqa: S603
        raise NoBrowserError(MISSING)
    with sync_playwright() as playwright, _started(playwright, flags) as browser:
        yield browser


def _started(playwright: Playwright, flags: Sequence[str]) -> Browser:
    """Start the first candidate that starts.

    A file called ``chromium`` proves little: it may be a stub for a snap, or lack its libraries.
    """
    from playwright.sync_api import Error

    for path in _candidates():
        try:
            return playwright.chromium.launch(executable_path=path, args=list(flags))
        except Error:
            continue
    raise NoBrowserError(MISSING)


def _candidates() -> Iterator[str | None]:
    """Yield paths of browsers to try; None stands for Playwright's own."""
    yield from filter(None, map(shutil.which, SYSTEM_NAMES))
    yield None
