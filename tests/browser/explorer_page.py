"""An explorer on a page, as a person meets it: by roles and names."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect


@dataclass
class ExplorerPage:
    """The ``nth`` explorer of a page."""

    page: Page
    nth: int = 0

    def __post_init__(self) -> None:
        expect(self.slider).to_be_visible()

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
        expect(self.status).to_contain_text(f"Rank {self.rank}")
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
        return self.page.evaluate(
            """([figure, renderer, nth]) => {
                const figures = Bokeh.documents.flatMap((doc) => doc.roots())
                    .flatMap((root) => [...root.references()])
                    .filter((model) => model.type === "Figure" && model.name === figure);
                const source = figures[nth].renderers.find((r) => r.name === renderer).data_source;
                return Object.fromEntries(Object.entries(source.data).map(
                    ([name, column]) => [name, Array.from(column)]));
            }""",
            [figure, renderer, self.nth],
        )
