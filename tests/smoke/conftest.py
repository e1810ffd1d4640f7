"""The browser of the browser tests, for pages that are drawn, moved and looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import browser, open_tab, serve_command, servers  # noqa: F401
from tests.browser.ink import MOMENT, expect_inked, look


@pytest.fixture
def try_out() -> Callable[..., None]:
    """Look at ``try_out(page)``: its figures are drawn, and follow the rank as its readouts do."""
    return _try_out


def _try_out(page: Page, at: str = ".explorer") -> None:
    root = page.locator(at).first
    slider = root.get_by_role("slider", name="rank").first
    expect(slider).to_be_visible()
    figures = [each for each in root.get_by_role("figure").all() if each.is_visible()]
    assert figures
    for figure in figures:
        expect_inked(figure)
    readouts = root.get_by_role("region", name="readouts").first
    said, shown = readouts.inner_text(), [look(figure) for figure in figures]
    rank = int(slider.input_value())
    slider.press("ArrowRight" if rank < int(slider.get_attribute("max")) else "ArrowLeft")
    expect(slider).not_to_have_value(str(rank))
    expect(readouts).not_to_have_text(said, use_inner_text=True)
    for _ in range(600):
        if [look(figure) for figure in figures] != shown:
            return
        page.wait_for_timeout(MOMENT)
    raise AssertionError("the figures stand still when the rank is moved")
