"""A Chromium for the browser tests: start the one that is there, else get one.

``python -m tests.browser.install`` makes sure that `chromium` finds a browser, and says which.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Error, Playwright, sync_playwright

PLAYWRIGHT = [sys.executable, "-m", "playwright"]
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    # The tests' browser resolves no name but the loopback's: a page that needs the network fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


class NoBrowserError(RuntimeError):
    """No Chromium on this machine starts."""

    def __str__(self) -> str:
        return (
            "no Chromium starts on this machine: run `python -m tests.browser.install` "
            "in this environment, or install Chromium or Chrome"
        )


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the first Chromium of this machine that starts.

    Raises
    ------
    NoBrowserError
        If none starts; the message says how to get one.
    """
    # Playwright's driver is a Node.js, which a bare Debian lacks a library for.
    if subprocess.call([*PLAYWRIGHT, "--version"], stdout=subprocess.DEVNULL) != 0:
        raise NoBrowserError
    with sync_playwright() as playwright, start(playwright) as browser:
        yield browser


def start(playwright: Playwright) -> Browser:
    """Start the first candidate that starts.

    A file called ``chromium`` proves little: it may be a stub for a snap, or lack its libraries.
    """
    for path in candidates():
        try:
            return playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error:
            continue
    raise NoBrowserError


def candidates() -> Iterator[str | None]:
    """Yield paths of browsers to try; None stands for Playwright's own."""
    yield from filter(None, map(shutil.which, SYSTEM_NAMES))
    yield None


def version() -> str | None:
    """Return the version of the Chromium that starts here, or None."""
    try:
        with chromium() as browser:
            return browser.version
    except NoBrowserError:
        return None


def ways() -> Iterator[list[list[str]]]:
    """Yield the ways to get a Chromium, gentlest first; each is a list of commands."""
    yield [[*PLAYWRIGHT, "install", "chromium"]]
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "libatomic1"]
        yield [["apt-get", "update"], [*install, "chromium", "fonts-dejavu-core"]]
        # Ubuntu has its Chromium as a snap only.
        yield [install, [*PLAYWRIGHT, "install", "--with-deps", "chromium"]]


def run(commands: list[list[str]]) -> None:
    """Run the commands one after the other, up to the first that fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        print("$", *command, flush=True)
        if subprocess.call(command, env=environment, stdin=subprocess.DEVNULL) != 0:
            return


def main() -> None:
    """Make sure that there is a Chromium; exit with one line where none can be had."""
    there = version()
    for commands in () if there else ways():
        run(commands)
        if there := version():
            break
    if not there:
        sys.exit("no Chromium could be had: install Chromium or Chrome, then run this again")
    print(f"Chromium {there} is ready.")


if __name__ == "__main__":
    main()
