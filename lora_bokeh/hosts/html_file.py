"""save_html: a view as one file that works with the network cut."""

from __future__ import annotations

import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import ImportedStyleSheet, InlineStyleSheet
from panel.io.model import add_to_doc
from panel.io.resources import CDN_DIST, Resources
from panel.io.save import save

from lora_bokeh.hosts.template import TITLE, template
from lora_bokeh.views.shared.component import end_display

# What the file may do: run its own text. CustomJS needs unsafe-eval, modules load from blobs.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; connect-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
COMPONENTS = ["bokeh", "bokeh-widgets", "bokeh-tables"]  # the least that Panel's own bundle needs
REMOTE_LINK = re.compile(r"<link[^>]*>")  # icons and style sheets: the file has neither outside


def save_html(view: Any, path: str | os.PathLike[str], title: str = TITLE) -> None:
    """Save a view as one HTML file that makes no network request.

    Rank, metric and target stay live in it, and a policy in the file forbids any request. The file
    appears whole or not at all.

    Parameters
    ----------
    view : Viewer or anything that Panel shows
        The view; it stays usable.
    path : path
        Where to write. An existing file is replaced, its folder must exist.
    title : str, default "LoRA explorer"
        Title of the browser tab.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    write_whole(Path(path), _html(view, title).encode())


def _html(view: Any, title: str) -> str:
    layout = pn.panel(view)
    doc = Document()
    root = layout.get_root(doc)
    add_to_doc(root, doc, hold=True)
    for model in list(doc.models):
        _inline_stylesheets(model)
    policy = f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">'
    text = io.StringIO()
    resources = Resources(mode="inline", components=COMPONENTS)
    save(doc, text, title=title, resources=resources, template=template(policy))
    end_display(layout, root)
    return REMOTE_LINK.sub("", text.getvalue())


def _inline_stylesheets(model: Model) -> None:
    """Replace the style sheets that Panel would fetch by their text."""
    if "stylesheets" not in model.properties():
        return
    model.stylesheets = [_inlined(sheet) for sheet in model.stylesheets]


def _inlined(sheet: Any) -> Any:
    if not isinstance(sheet, ImportedStyleSheet) or not sheet.url.startswith(CDN_DIST):
        return sheet
    local = Path(pn.__file__).parent / "dist" / sheet.url.removeprefix(CDN_DIST).split("?")[0]
    return InlineStyleSheet(css=local.read_text(encoding="utf-8"))


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the path and rename, so that a cut leaves the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
