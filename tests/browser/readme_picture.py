"""Take the README's picture from the real page: ``python -m tests.browser.readme_picture``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lora_bokeh import LoraExplorer, save_html
from lora_bokeh.targets import low_rank_plus_noise
from tests.browser import install
from tests.browser.explorer_page import ExplorerPage

PICTURE = Path(__file__).parents[2] / "apps" / "explorer.png"


def take(path: Path = PICTURE) -> None:
    """Save the page of a low-rank matrix in noise as a picture, twice as fine as a screen."""
    view = LoraExplorer(low_rank_plus_noise(), rank=4, name="update.npy")
    with tempfile.TemporaryDirectory() as folder, install.chromium() as browser:
        page_path = Path(folder) / "page.html"
        save_html(view, page_path)
        context = browser.new_context(
            offline=True,
            viewport={"width": 1080, "height": 800},
            device_scale_factor=2,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.goto(page_path.as_uri())
        explorer = ExplorerPage(page)
        page.wait_for_function("() => Bokeh.documents[0].is_idle")
        explorer.root.screenshot(path=path)


if __name__ == "__main__":
    take()
