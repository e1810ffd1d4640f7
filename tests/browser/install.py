"""A Chromium for the browser tests: start the one that is there, else get one.

``python -m tests.browser.install`` makes sure that `start` will find a browser, and says which.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    # The tests' browser resolves no name but the loopback's: a page that needs the network fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


class NoBrowserError(RuntimeError):
    """No Chromium on this machine starts."""


def candidates() -> Iterator[str | None]:
    """Yield paths of browsers to try; None stands for Playwright's own."""
    yield from filter(None, map(shutil.which, SYSTEM_NAMES))
    yield None


def start(playwright: Playwright) -> Browser:
    """Start the first Chromium of this machine that starts.

    A file called ``chromium`` proves little (it may be a stub for a snap, or lack its libraries),
    so each candidate is tried.

    Raises
    ------
    NoBrowserError
        If none starts; the message says how to get one.
    """
    for path in candidates():
        try:
            return playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error:
            continue
    raise NoBrowserError(
        "no Chromium starts on this machine: run `python -m tests.browser.install` "
        "in this environment, or install Chromium or Chrome."
    )


def steps() -> Iterator[list[list[str]]]:
    """Yield the ways to get a Chromium, gentlest first; each is a list of commands."""
    playwright = [sys.executable, "-m", "playwright"]
    yield [[*playwright, "install", "chromium"]]
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        yield [["apt-get", "update"], ["apt-get", "install", "--yes", "chromium"]]
        # Ubuntu has no chromium outside snap; there Playwright's lacks only its libraries.
        yield [[*playwright, "install-deps", "chromium"]]


def run(commands: list[list[str]]) -> None:
    """Run the commands one after the other, up to the first that fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        print("$", *command, flush=True)
        if subprocess.call(command, env=environment, stdin=subprocess.DEVNULL) != 0:
            return


def found() -> str | None:
    """Return the version of the Chromium that `start` finds, or None."""
    with sync_playwright() as playwright:
        try:
            browser = start(playwright)
        except NoBrowserError:
            return None
        with browser:
            return browser.version


def main() -> int:
    """Make sure there is a Chromium; return the exit code."""
    version = found()
    for commands in () if version else steps():
        run(commands)
        version = found()
        if version:
            break
    print(f"Chromium {version} is ready." if version else "No Chromium could be had: install one.")
    return 0 if version else 1


if __name__ == "__main__":
    sys.exit(main())
