"""Files dropped on the page: bounded while they arrive, written to a folder, then only read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import param
from panel.widgets import FileDropper

LIMIT = 512 * 2**20  # bytes of one file; an adapter is smaller, a checkpoint stays on its disk
MOST_FILES = 2  # an adapter and its configuration
SAFE = re.compile(r"[^\w.\- ]+")


class BoundedDropper(FileDropper):
    """A FileDropper that stops listening to a file at a limit, whatever the browser says of it.

    The limit of the library is kept by the browser alone.
    """

    limit = param.Integer(default=LIMIT, bounds=(1, None), doc="Bytes that a file may have.")
    refused = param.String(default="", doc="Why the last file was refused, in a sentence.")

    _rename = {"limit": None, "refused": None}  # noqa: RUF012 - these two stay in Python

    def _process_event(self, event: Any) -> None:
        data = event.data
        name = data["name"]
        if event.event_name == "delete_event":
            self._file_buffer.pop(name, None)
        elif data["chunk"] > 1 and name not in self._file_buffer:
            return  # its first chunks were refused
        elif why := self._obstacle(name, data):
            self._file_buffer.pop(name, None)
            self.refused = f"{name}: {why}"
            return
        super()._process_event(event)

    def _obstacle(self, name: str, data: dict[str, Any]) -> str:
        """Say why a chunk is not taken; nothing where it is."""
        arrived = 0 if data["chunk"] == 1 else sum(map(len, self._file_buffer[name]))
        if arrived + len(data["data"]) > self.limit:
            return f"larger than {self.limit >> 20} MiB; open it from the command line"
        if len(self._file_buffer.keys() | {name}) > MOST_FILES:
            return "more files than an adapter and its configuration; drop one at a time"
        return ""


def take(dropper: FileDropper, folder: Path) -> list[Path]:
    """Write what was dropped into a folder, and let go of it; return the files' paths.

    A name keeps only its last part and harmless characters, so that nothing lands elsewhere.
    """
    paths = []
    for name, content in dict(dropper.value).items():
        path = folder / (SAFE.sub("_", Path(name.replace("\\", "/")).name).lstrip(".") or "file")
        path.unlink(missing_ok=True)  # a view may still look into the file of that name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    dropper.value.clear()
    dropper.mime_type.clear()
    return paths
