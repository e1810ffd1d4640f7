"""Workbench: one page for whatever file there is, and a place to drop the next one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.custom import JSComponent

from lora_bokeh.adapter import AdapterExplorer
from lora_bokeh.assets import bundle, stylesheet
from lora_bokeh.displays import take_place
from lora_bokeh.explorer import LoraExplorer
from lora_bokeh.formats.text import count
from lora_bokeh.sessions import Session
from lora_bokeh.upload import BoundedDropper, take
from lora_bokeh.views import view_of

CONFIGURATION = "adapter_config.json"


class Message(JSComponent):
    """A sentence that is seen, and said by a live region of the page."""

    text = param.String(default="", doc="The sentence.")

    _esm = bundle("message.mjs")
    _stylesheets = [stylesheet("drop.css")]  # noqa: RUF012 - the colours are those around it


class Workbench(pn.viewable.Viewer):
    """A place to drop a file on, and under it what is in the last one.

    Parameters
    ----------
    view : LoraExplorer, optional
        What is shown first. Default: the gallery.
    """

    view = param.Parameter(doc="The view shown; a file dropped on the page replaces it.")
    message = param.String(default="", doc="What became of the last file.")

    def __init__(self, view: LoraExplorer | None = None, **params: Any) -> None:
        super().__init__(view=view or LoraExplorer(), **params)
        self._folder = tempfile.TemporaryDirectory(prefix="lora_bokeh_")
        self._dropper = BoundedDropper(
            multiple=True,
            sizing_mode="stretch_width",
            height=76,
            stylesheets=[stylesheet("drop.css")],
            css_classes=["dropper"],
        )
        self._dropper.param.watch(lambda _: self._take(), "value")
        # The same file may be refused twice, and another one opened in between.
        self._dropper.param.watch(lambda event: self._say(event.new), "refused", onlychanged=False)

    def _say(self, text: str) -> None:
        self.message = ""  # a live region says a sentence again only if it was gone
        self.message = text

    def _take(self) -> None:
        """Open what was dropped; an adapter's configuration may come before or after it."""
        folder = Path(self._folder.name)
        for path in take(self._dropper, folder):
            files = [p for p in folder.iterdir() if p.name != CONFIGURATION]
            if path.name == CONFIGURATION and not files:
                self._say(f"{path.name}: now drop the adapter that it belongs to")
                continue
            shown = files[0] if path.name == CONFIGURATION else path
            for other in files:
                if other != shown:
                    other.unlink()
            self._show(shown)

    def _show(self, path: Path) -> None:
        try:
            view = view_of(path, title=path.name, called=path.name)
        except (OSError, TypeError, ValueError) as error:
            self._say(str(error).replace(f"{self._folder.name}/", ""))
            return
        self.view.stop()
        take_place(view, self.view)
        self.view = view
        self._say(f"{path.name} is open: {_contents(view)}")

    def close(self) -> None:
        """End what is being computed and delete what was dropped."""
        self.view.stop()
        self._folder.cleanup()

    def __panel__(self) -> Any:
        Session().at_end(self.close)
        note = Message(text=self.param.message, css_classes=["message"])
        drop = pn.Column(
            self._dropper,
            note,
            stylesheets=[stylesheet("palette.css", "drop.css")],
            css_classes=["drop"],
            sizing_mode="stretch_width",
        )
        shown = pn.panel(pn.bind(lambda view: view, self.param.view), sizing_mode="stretch_width")
        return pn.Column(drop, shown, sizing_mode="stretch_width")


def _contents(view: LoraExplorer) -> str:
    """Say in a few words what a view shows."""
    if isinstance(view, AdapterExplorer):
        matrices = len(view.index)  # a file with one that is no pair has no list
        return count(matrices, "LoRA pair") if view.source.is_adapter else f"{matrices} matrices"
    return "a matrix of {} × {}".format(*view.spectrum.shape)
