"""save_svg, save_png, save_pdf: a figure of a view for papers and slides, drawn by its own page."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from lora_bokeh.hosts.chromium import chromium
from lora_bokeh.hosts.html_file import save_html, write_whole

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SIZES = (200, 4000)  # px, of a picture
MOST_SCALE = 10
PATIENCE = 60_000  # ms, for a page to come up and for a figure to be drawn


class Drawing(NamedTuple):
    """What of a view is drawn, and how."""

    figure: str = "curve"
    width: int | None = None
    height: int | None = None
    dark: bool = False
    link: str = ""


def save_svg(view: Any, path: str | os.PathLike[str], figure: str = "curve", **options: Any) -> str:
    """Save a figure of a view as vectors.

    The view's own page draws it, in a Chromium of this machine that nobody sees; the file appears
    whole or not at all.

    Parameters
    ----------
    view : Viewer
        A view, such as :class:`lora_bokeh.LoraExplorer`; it stays usable.
    path : path
        Where to write. An existing file is replaced, its folder must exist.
    figure : str, default "curve"
        "curve", "factors", or what else has a menu "Save" on the page.
    width, height : int, optional
        Size of the picture in px, 96 an inch, in [200, 4000]. Default: as on a page 1280 px wide.
    dark : bool, default False
        Draw it in the page's dark colours; else it is light, on white.
    link : str, optional
        A state to draw in place of the view's, such as "rank=5&metric=spectral".

    Returns
    -------
    str
        What the page had to say of the link: "" unless something in it had no meaning there.

    Raises
    ------
    ValueError
        The page has no such figure, or the size is out of bounds.
    NoBrowserError
        Playwright is not installed, or no Chromium starts.
    OSError
        The file cannot be written.
    """
    return _save(view, path, Drawing(figure, **options), lambda _, svg: svg.encode())


def save_png(
    view: Any,
    path: str | os.PathLike[str],
    figure: str = "curve",
    scale: float = 3,
    **options: Any,
) -> str:
    """Save a figure of a view in pixels.

    Parameters
    ----------
    view, path, figure, **options
        As in :func:`save_svg`.
    scale : float, default 3
        Pixels for one of the figure's size, up to 10.
    """
    if not 0 < scale <= MOST_SCALE:
        raise ValueError(f"scale must be above 0 and at most {MOST_SCALE}, got {scale}")

    def shot(browser: Browser, svg: str) -> bytes:
        return _sheet(browser, svg, scale).locator("svg").screenshot()

    return _save(view, path, Drawing(figure, **options), shot)


def save_pdf(view: Any, path: str | os.PathLike[str], figure: str = "curve", **options: Any) -> str:
    """Save a figure of a view as a PDF of one page as large as it, with its fonts.

    Parameters
    ----------
    view, path, figure, **options
        As in :func:`save_svg`.
    """

    def printed(browser: Browser, svg: str) -> bytes:
        width, height = _size(svg)
        return _sheet(browser, svg).pdf(
            width=f"{width}px", height=f"{height}px", print_background=True, page_ranges="1"
        )

    return _save(view, path, Drawing(figure, **options), printed)


def _save(view: Any, path: str | os.PathLike[str], drawing: Drawing, finish: Any) -> str:
    for side in ("width", "height"):
        size = getattr(drawing, side)
        if size is not None and not SIZES[0] <= size <= SIZES[1]:
            raise ValueError(f"{side} must be between {SIZES[0]} and {SIZES[1]} px, got {size}")
    with tempfile.TemporaryDirectory(prefix="lora_bokeh_") as folder:
        page = Path(folder) / "page.html"
        save_html(view, page)
        # In a thread of its own: Playwright refuses one that has an event loop, as a notebook's.
        with ThreadPoolExecutor(1) as pool:
            content, notice = pool.submit(_drawn, page, drawing, finish).result()
    write_whole(Path(path), content)
    return notice


def _drawn(path: Path, drawing: Drawing, finish: Any) -> tuple[bytes, str]:
    """Return the finished picture, and the page's notice."""
    with chromium() as browser, _one_sentence():
        page = browser.new_page(
            offline=True,
            viewport={"width": 1280, "height": 900},
            color_scheme="dark" if drawing.dark else "light",
            reduced_motion="reduce",
        )
        page.set_default_timeout(PATIENCE)
        page.goto(path.as_uri() + (f"#{drawing.link.lstrip('#')}" if drawing.link else ""))
        menu = _menu(page, drawing.figure)
        notice = page.locator(".keeping .notice").first
        text = notice.inner_text() if notice.is_visible() else ""
        return finish(browser, _svg_of(page, menu, drawing)), text


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn what the browser's driver says at length into one OSError."""
    from playwright.sync_api import Error

    try:
        yield
    except Error as error:
        said = error.message.splitlines()[0]
        raise OSError(f"the browser could not draw the page: {said}") from error


def _menu(page: Page, figure: str) -> Locator:
    """Return the menu of a figure, when that is drawn."""
    menus = page.locator("[data-figure]")
    menus.first.wait_for()
    names = [str(menu.get_attribute("data-figure")) for menu in menus.all()]
    if figure not in names:
        raise ValueError(f"there is no figure {figure!r} here; choose one of: {', '.join(names)}")
    here = f'[data-figure="{figure}"]'
    # A figure is named when it is drawn.
    page.locator(f"section:has({here})").locator('[role="figure"][aria-label]').first.wait_for()
    return page.locator(here).first


def _svg_of(page: Page, menu: Locator, drawing: Drawing) -> str:
    """Ask the menu of a figure for an SVG, as a person would."""
    menu.locator("summary").click()
    for side in ("width", "height"):
        if size := getattr(drawing, side):
            menu.get_by_role("spinbutton", name=side).fill(str(size))
    menu.get_by_role("checkbox", name="light").set_checked(not drawing.dark)
    with page.expect_download() as download:
        menu.get_by_role("button", name="SVG").click()
    return download.value.path().read_text(encoding="utf-8")


def _size(svg: str) -> tuple[int, int]:
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own page's
    return int(root.get("width", 0)), int(root.get("height", 0))


def _sheet(browser: Browser, svg: str, scale: float = 1) -> Page:
    """Return a page that holds the drawing alone."""
    width, height = _size(svg)
    viewport: Any = {"width": width, "height": height}
    sheet = browser.new_page(offline=True, viewport=viewport, device_scale_factor=scale)
    sheet.set_content(re.sub(r"<svg ", '<svg style="position: absolute; inset: 0" ', svg, count=1))
    return sheet
