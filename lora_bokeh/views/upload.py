"""Files dropped on the page: bounded while they arrive, and written to a folder as they do."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import param
from panel.widgets import FileDropper

from lora_bokeh.text import bytes_text, printable
from lora_bokeh.views.shared.rates import Rate

MOST_FILES = 2  # an adapter and its configuration
NAME_CHARACTERS = 100
SAFE = re.compile(r"[^\w.\- ]+")
CHUNK_BYTES = 1 << 20  # of a message; the library's 10 MB would be held for each session
PART = ".part"


class UploadLimits(NamedTuple):
    """What sessions may upload.

    Attributes
    ----------
    file_bytes : int
        Bytes of one file.
    files : int
        Files of one session, while it lasts.
    a_minute : float
        Files a minute from one address.
    total_bytes : int
        Bytes on disk for all sessions together.
    seconds : float
        From the first chunk of a file to its last.
    """

    file_bytes: int = 256 << 20
    files: int = 100
    a_minute: float = 20.0
    total_bytes: int = 4 << 30
    seconds: float = 300.0


class Uploads:
    """What all sessions of a process have uploaded, within limits.

    Parameters
    ----------
    limits : UploadLimits, optional
        The limits.
    """

    def __init__(self, limits: UploadLimits | None = None) -> None:
        self.limits = limits or UploadLimits()
        self._rate = Rate(self.limits.a_minute)
        self._lock = threading.Lock()
        self._held = 0

    def wait(self, address: str) -> float:
        """Count one more file of an address; return the seconds it has to wait, or 0."""
        with self._lock:
            return self._rate.take(address)

    def hold(self, size: int) -> bool:
        """Count bytes on disk; return whether there is room for them."""
        with self._lock:
            if self._held + size > self.limits.total_bytes:
                return False
            self._held += size
            return True

    def release(self, size: int) -> None:
        """Count bytes on disk no longer."""
        with self._lock:
            self._held -= size


class _Arriving:
    """A file of which some chunks have come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chunks = 0
        self.size = 0
        self.began = time.monotonic()
        path.write_bytes(b"")

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.chunks += 1
        self.size += len(data)


class BoundedDropper(FileDropper):
    """A FileDropper that writes chunks to a folder as they come, and stops listening at a limit.

    The library keeps all chunks in memory, and its limits are the browser's alone.

    Parameters
    ----------
    folder : Path
        Where the files go; they take no other place whatever their names are.
    uploads : Uploads, optional
        What all sessions have uploaded.
    address : str, optional
        Of the browser.
    **params
        As for FileDropper.
    """

    arrived = param.Parameter(default=None, doc="Path of the last file that is complete.")
    refused = param.String(default="", doc="Why the last file was refused, in a sentence.")

    _rename = {"arrived": None, "refused": None}  # noqa: RUF012 - these stay in Python

    def __init__(
        self, folder: Path, uploads: Uploads | None = None, address: str = "", **params: Any
    ) -> None:
        super().__init__(chunk_size=CHUNK_BYTES, **params)
        self._folder = folder
        self._uploads = uploads or Uploads()
        self._address = address
        self._arriving: dict[str, _Arriving] = {}
        self._complete: dict[Path, int] = {}  # and their sizes
        self._begun = 0

    def forget(self, path: Path) -> None:
        """Delete a file that arrived."""
        path.unlink(missing_ok=True)
        self._uploads.release(self._complete.pop(path, 0))

    def close(self) -> None:
        """Delete all files."""
        for name in list(self._arriving):
            self._drop(name)
        for path in list(self._complete):
            self.forget(path)

    def _process_event(self, event: Any) -> None:
        data = event.data
        name = str(data["name"])
        if event.event_name == "delete_event":
            self._drop(name)
            return
        if data["chunk"] == 1:
            self._drop(name)
            if why := self._obstacle(name):
                self._refuse(name, why)
                return
            self._begin(name)
        self._go_on(name, data)

    def _obstacle(self, name: str) -> str:
        """Say why a file may not begin to arrive; nothing where it may."""
        limits = self._uploads.limits
        if len(self._arriving.keys() | {name}) > MOST_FILES:
            return "more files than an adapter and its configuration; drop one at a time"
        if self._begun >= limits.files:
            return f"one session may open {limits.files} files; reload the page for another one"
        if seconds := self._uploads.wait(self._address):
            return f"too many files at a time; drop it again in {seconds:.0f} s"
        return ""

    def _begin(self, name: str) -> None:
        self._begun += 1
        path = self._folder / f"{safe_name(name)}{PART}"
        arriving = self._arriving[name] = _Arriving(path)
        with suppress(RuntimeError):  # no loop, so nobody else who waits for the room
            later = asyncio.get_running_loop().call_later
            later(self._uploads.limits.seconds, partial(self._expire, name, arriving))

    def _go_on(self, name: str, data: dict[str, Any]) -> None:
        """Take a chunk of a file that began, in its turn."""
        arriving = self._arriving.get(name)
        if arriving is None or data["chunk"] != arriving.chunks + 1:
            return  # its first chunks were refused, or another file of the name has begun
        content = data["data"]
        content = content.encode() if isinstance(content, str) else content
        limits = self._uploads.limits
        if arriving.size + len(content) > limits.file_bytes:
            most = bytes_text(limits.file_bytes)
            self._refuse(name, f"larger than {most}; open it from the command line")
        elif time.monotonic() - arriving.began > limits.seconds:
            self._expire(name, arriving)
        elif not self._uploads.hold(len(content)):
            self._refuse(name, "the server holds as many files as it may; try again later")
        else:
            arriving.append(content)
            if data["chunk"] == data["total_chunks"]:
                self._finish(name)

    def _finish(self, name: str) -> None:
        arriving = self._arriving.pop(name)
        path = arriving.path.with_suffix("")
        self.forget(path)  # of the same name; a view may still look into it, so it is not changed
        arriving.path.rename(path)
        self._complete[path] = arriving.size
        self.arrived = path
        self.arrived = None

    def _expire(self, name: str, arriving: _Arriving) -> None:
        """Give up a file that takes too long."""
        if self._arriving.get(name) is arriving:
            self._refuse(name, f"it did not arrive within {self._uploads.limits.seconds:g} s")

    def _refuse(self, name: str, why: str) -> None:
        self._drop(name)
        self.refused = f"{printable(name)[:NAME_CHARACTERS]}: {why}"

    def _drop(self, name: str) -> None:
        """Let go of what has come of a file."""
        arriving = self._arriving.pop(name, None)
        if arriving is not None:
            arriving.path.unlink(missing_ok=True)
            self._uploads.release(arriving.size)


def safe_name(name: str) -> str:
    """Return the last part of a name, of harmless characters, so that nothing lands elsewhere."""
    last = SAFE.sub("_", Path(name.replace("\\", "/")).name).lstrip(".") or "file"
    stem, dot, ending = last.rpartition(".")
    return f"{stem[:NAME_CHARACTERS]}{dot}{ending[:NAME_CHARACTERS]}"
