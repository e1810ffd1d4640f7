"""An explorer on a page, as a person meets it: by roles and names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.browser.ink import expect_inked

MOMENT = 20  # ms
COLUMNS = """([figure, renderer, nth]) => {
    const figures = Bokeh.documents.flatMap((doc) => doc.roots())
        .flatMap((root) => [...root.references()])
        .filter((model) => model.type === "Figure" && model.name === figure);
    const { data } = figures[nth].renderers.find((each) => each.name === renderer).data_source;
    return Object.fromEntries(
        Object.entries(data).map(([name, column]) => [name, Array.from(column)]));
}"""


def drawn(page: Page, figure: str, renderer: str, nth: int = 0) -> dict[str, list]:
    """Return the columns that a renderer of the nth figure of that name is drawn from."""
    return page.evaluate(COLUMNS, [figure, renderer, nth])


def eventually(page: Page, read: Callable[[], object], expected: object) -> None:
    """Wait until what Python reads is as expected: a message from the page is on its way."""
    for _ in range(1500):
        if read() == expected:
            return
        page.wait_for_timeout(MOMENT)
    assert read() == expected


def let_settle(page: Page) -> None:
    """Wait until a change has settled, by the page's clock: its timers fire in order."""
    page.evaluate("() => new Promise((settled) => setTimeout(settled, 500))")


def expect_drawn(root: Locator) -> None:
    """Wait for the first drawing; from then on figures are drawn in the event that changes them.

    Heat maps are named before: another module draws them. A figure that stays blank may have a
    name too.
    """
    figure = root.locator("[role=figure][aria-label]:not(.inside *)")
    expect(figure.first).to_be_attached()
    expect_inked(figure.locator("visible=true").first)


@dataclass
class ExplorerPage:
    """The ``nth`` explorer of a page."""

    page: Page
    nth: int = 0

    def __post_init__(self) -> None:
        expect(self.slider).to_be_visible()
        expect_drawn(self.root)

    @property
    def root(self) -> Locator:
        return self.page.locator(".explorer").nth(self.nth)

    @property
    def slider(self) -> Locator:
        return self.root.get_by_role("slider", name="rank")

    @property
    def figures(self) -> Locator:
        return self.root.get_by_role("figure")

    @property
    def curve(self) -> Locator:
        return self.root.get_by_role("region", name="Reconstruction residual").get_by_role("figure")

    @property
    def status(self) -> Locator:
        return self.root.get_by_role("status")

    @property
    def rank(self) -> int:
        return int(self.slider.input_value())

    def metric(self, name: str) -> Locator:
        return self.root.get_by_role("radiogroup", name="metric").get_by_role(
            "radio", name=name, exact=True
        )

    def choose_target(self, name: str) -> None:
        self.root.get_by_role("combobox", name="target").select_option(name)

    def settled(self) -> str:
        """Return what the live region says once it has spoken of the rank shown."""
        expect(self.status).to_contain_text(re.compile(rf"Rank {self.rank}\b"))
        return self.status.inner_text()

    def readouts(self) -> dict[str, tuple[str, str | None]]:
        """Return label → (value shown, exact value on hover)."""
        rows = self.root.get_by_role("region", name="readouts").locator("dl > div")
        return {
            row.locator("dt").inner_text(): (
                row.locator("dd").inner_text(),
                row.locator("dd").get_attribute("title"),
            )
            for row in rows.all()
        }

    def drawn(self, figure: str, renderer: str) -> dict[str, list]:
        """Return the columns that a figure's renderer is drawn from."""
        return drawn(self.page, figure, renderer, self.nth)
