"""Workbench: one page for whatever file there is, and a place to drop the next one."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from concurrent.futures import Future
from functools import cache, partial
from pathlib import Path
from typing import Any

import panel as pn
import param
from panel.custom import JSComponent

from lora_bokeh.formats.source import Source
from lora_bokeh.loading.readers import Bounds, BusyError, Readers
from lora_bokeh.text import bytes_text, count, printable
from lora_bokeh.views.adapter.view import AdapterExplorer
from lora_bokeh.views.explorer.view import LoraExplorer
from lora_bokeh.views.for_file import views_of
from lora_bokeh.views.shared.assets import bundle, stylesheet
from lora_bokeh.views.shared.displays import take_place
from lora_bokeh.views.shared.session import Session
from lora_bokeh.views.upload import PART, BoundedDropper, UploadLimits, Uploads

CONFIGURATION = "adapter_config.json"
WORD_BYTES = 8  # an entry may be computed in float64

log = logging.getLogger(__name__)


class Desk:
    """What all workbenches of a process share: what was uploaded, and who reads it.

    Parameters
    ----------
    uploads : UploadLimits, optional
        What may be uploaded.
    bounds : Bounds, optional
        What reading one file may take.
    seconds : float, default 60
        How long the pairs of one adapter may be computed.
    matrix_bytes : int, default 1 GiB
        The largest matrix that a session may look at, in float64.
    """

    def __init__(
        self,
        uploads: UploadLimits | None = None,
        bounds: Bounds | None = None,
        seconds: float = 60.0,
        matrix_bytes: int = 1 << 30,
    ) -> None:
        self.uploads = Uploads(uploads)
        self.readers = Readers(bounds=bounds)
        self.seconds = seconds
        self.matrix_bytes = matrix_bytes

    def view(self, path: Path, folder: Path, session: Session) -> LoraExplorer:
        """Return a view of a file that belongs to a session; read, and an adapter computed.

        Raises
        ------
        OSError, TypeError, ValueError, MemoryError
            It cannot be shown.
        """
        source = self.readers.read(path, folder)
        self._check_matrices(source)
        with session.inside():
            made = views_of(source, title=path.name, called=path.name)
            if made.survey and source.is_adapter:
                end = time.monotonic() + self.seconds
                made.survey.run(stop=lambda: time.monotonic() > end)
                if not made.survey.complete:
                    raise ValueError(
                        f"{path.name}: computing its {len(source.entries)} pairs takes more than "
                        f"{self.seconds:g} s; open it from the command line"
                    )
            return made.make()

    def _check_matrices(self, source: Source) -> None:
        for entry in source.entries if not source.is_adapter else ():
            size = WORD_BYTES * entry.shape[0] * entry.shape[1]
            if size > self.matrix_bytes:
                name = "the matrix" if entry.name is None else repr(entry.name)
                raise ValueError(
                    f"{source.path.name}: {name} takes {bytes_text(size)} in float64, more than "
                    f"{bytes_text(self.matrix_bytes)}; open it from the command line"
                )


@cache
def usual_desk() -> Desk:
    """Return the desk of workbenches that are given none."""
    return Desk()


class Message(JSComponent):
    """A sentence that is seen, and said by a live region of the page."""

    text = param.String(default="", doc="The sentence.")

    _esm = bundle("workbench/message.mjs")
    _stylesheets = [stylesheet("workbench.css")]  # noqa: RUF012 - the colours are those around it


class Workbench(pn.viewable.Viewer):
    """A place to drop a file on, and under it what is in the last one.

    A served one reads files in another process and computes in a thread, so that other sessions
    do not wait.

    Parameters
    ----------
    view : LoraExplorer, optional
        What is shown first. Default: the gallery.
    desk : Desk, optional
        What it may open, shared with others.
    """

    view = param.Parameter(doc="The view shown; a file dropped on the page replaces it.")
    message = param.String(default="", doc="What became of the last file.")

    def __init__(
        self, view: LoraExplorer | None = None, desk: Desk | None = None, **params: Any
    ) -> None:
        super().__init__(view=view or LoraExplorer(), **params)
        self._desk = desk or usual_desk()
        self._session = Session()
        self._folder = tempfile.TemporaryDirectory(prefix="lora_bokeh_", ignore_cleanup_errors=True)
        self._number = 0  # of folders for what is unpacked
        self._opening = self._closed = False
        self._next: Path | None = None  # arrived while another one is being opened
        self._dropper = BoundedDropper(
            Path(self._folder.name),
            self._desk.uploads,
            self._session.address,
            multiple=True,
            sizing_mode="stretch_width",
            height=76,
            stylesheets=[stylesheet("workbench.css")],
            css_classes=["dropper"],
        )
        self._dropper.param.watch(lambda event: self._take(event.new), "arrived")
        # The same file may be refused twice, and another one opened in between.
        self._dropper.param.watch(
            lambda event: self._refuse(event.new), "refused", onlychanged=False
        )

    def _refuse(self, text: str) -> None:
        log.warning("upload refused: %s", text)
        self._say(text)

    def _say(self, text: str) -> None:
        self.message = ""  # a live region says a sentence again only if it was gone
        self.message = text

    def _take(self, path: Path | None) -> None:
        """Open what was dropped; an adapter's configuration may come before or after it."""
        if path is None:
            return
        files = [p for p in Path(self._folder.name).iterdir() if self._is_adapter(p)]
        if path.name == CONFIGURATION and not files:
            self._say(f"{path.name}: now drop the adapter that it belongs to")
            return
        shown = files[0] if path.name == CONFIGURATION else path
        for other in files:
            if other != shown:
                self._dropper.forget(other)
        self._show(shown)

    @staticmethod
    def _is_adapter(path: Path) -> bool:
        return path.is_file() and path.name != CONFIGURATION and path.suffix != PART

    def _show(self, path: Path) -> None:
        """Open a file, after the one that is being opened."""
        if self._opening:
            self._next = path
            return
        self._number += 1
        folder = Path(self._folder.name) / f"unpacked-{self._number}"
        folder.mkdir()
        job = partial(self._desk.view, path, folder, self._session)
        if not self._session.served:
            self._opened(path, _done(job))
            return
        try:
            future = self._desk.readers.submit(job)
        except BusyError as error:
            self._refuse(f"{path.name}: {error}")
            return
        self._opening = True
        self._say(f"{path.name} is being read …")
        future.add_done_callback(lambda _: self._session.do(partial(self._opened, path, future)))
        future.add_done_callback(self._left_over)

    def _opened(self, path: Path, future: Future[LoraExplorer]) -> None:
        """Show what was opened, or say why it was not."""
        self._opening = False
        try:
            view = future.result()
        except (OSError, TypeError, ValueError, MemoryError) as error:
            text = str(error) or "there is not enough memory to open it"
            self._refuse(printable(text).replace(f"{self._folder.name}/", ""))
        else:
            self.view.stop()
            take_place(view, self.view)
            self.view = view
            self._say(f"{path.name} is open: {_contents(view)}")
        self._forget_unpacked()
        if (later := self._next) is not None:
            self._next = None
            self._show(later)

    def _forget_unpacked(self) -> None:
        """Delete what was unpacked for views before; one that is open keeps its files."""
        for folder in Path(self._folder.name).glob("unpacked-*"):
            if folder.name != f"unpacked-{self._number}":
                shutil.rmtree(folder, ignore_errors=True)

    def _left_over(self, future: Future[LoraExplorer]) -> None:
        """End a view whose session ended before it was made."""
        if self._closed and not future.cancelled() and future.exception() is None:
            future.result().stop()

    def close(self) -> None:
        """End what is being computed and delete what was dropped."""
        self._closed = True
        self.view.stop()
        self._dropper.close()
        self._folder.cleanup()

    def __panel__(self) -> Any:
        Session().at_end(self.close)
        text = self.param["message"]  # by its name: param 2.1 has a method message
        note = Message(text=text, css_classes=["message"])
        drop = pn.Column(
            self._dropper,
            note,
            stylesheets=[stylesheet("palette.css", "workbench.css")],
            css_classes=["drop"],
            sizing_mode="stretch_width",
        )
        shown = pn.panel(pn.bind(lambda view: view, self.param.view), sizing_mode="stretch_width")
        return pn.Column(drop, shown, sizing_mode="stretch_width")


def _done(job: Any) -> Future[LoraExplorer]:
    """Return what a job comes to, done in this thread."""
    future: Future[LoraExplorer] = Future()
    try:
        future.set_result(job())
    except Exception as error:
        future.set_exception(error)
    return future


def _contents(view: LoraExplorer) -> str:
    """Say in a few words what a view shows."""
    if isinstance(view, AdapterExplorer):
        matrices = len(view.index)  # a file with one that is no pair has no list
        return count(matrices, "LoRA pair") if view.source.is_adapter else f"{matrices} matrices"
    return "a matrix of {} × {}".format(*view.spectrum.shape)
