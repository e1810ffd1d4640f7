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

from playwright.sync_api import Browser

from lora_bokeh.hosts.chromium import DRIVER, NoBrowserError
from lora_bokeh.hosts.chromium import chromium as any_chromium

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    # The tests' browser resolves no name but the loopback's: a page that needs the network fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the Chromium of this machine, as :func:`lora_bokeh.hosts.chromium.chromium` does."""
    with any_chromium(FLAGS) as browser:
        yield browser


def version() -> str | None:
    """Return the version of the Chromium that starts here, or None."""
    try:
        with chromium() as browser:
            return browser.version
    except NoBrowserError:
        return None


def ways() -> Iterator[list[list[str]]]:
    """Yield the ways to get a Chromium, gentlest first; each is a list of commands."""
    yield [[*DRIVER, "install", "chromium"]]
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "libatomic1"]
        yield [["apt-get", "update"], [*install, "chromium", "fonts-dejavu-core"]]
        # Ubuntu has its Chromium as a snap only.
        yield [install, [*DRIVER, "install", "--with-deps", "chromium"]]


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
