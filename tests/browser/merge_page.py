"""W′ = W + s·B·A on a page, as a person meets it: by roles and names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Locator, expect

from tests.browser.explorer_page import ExplorerPage

FIGURE = """(name) => {
    const figure = Bokeh.documents.flatMap((doc) => doc.roots())
        .flatMap((root) => [...root.references()])
        .find((model) => model.type === "Figure" && model.name === name);
"""
PICTURE = f"""{FIGURE}
    const image = figure.renderers.find((r) => r.name === "cells").data_source.data.image[0];
    return [Array.from(image), image.shape];
}}"""
LABEL = f"{FIGURE} return figure.below[0].axis_label; }}"


@dataclass
class MergePage(ExplorerPage):
    """The merge view of a page."""

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name)

    def field(self, name: str) -> Locator:
        return self.root.get_by_role("spinbutton", name=name, exact=True)

    def choose(self, group: str, name: str) -> None:
        radios = self.root.get_by_role("radiogroup", name=group)
        radios.get_by_role("radio", name=name, exact=True).check()

    @property
    def story(self) -> Locator:
        return self.root.locator(".story")

    def picture(self, name: str) -> np.ndarray:
        """Return what a heat map shows: "frozen", "update" or "merged"."""
        values, shape = self.page.evaluate(PICTURE, name)
        return np.reshape(values, shape)

    def axis_label(self, name: str) -> str:
        """Return what a figure calls its horizontal axis."""
        return self.page.evaluate(LABEL, name)

    def vector(self, name: str, which: str = "values") -> np.ndarray:
        """Return what is drawn as bars: "x", "base", "update" or "h", unmerged or "merged"."""
        return np.array(self.drawn(f"{name}-bars", which)["value"])

    def drawn_when(self, expected: np.ndarray, name: str = "update") -> None:
        """Wait until a heat map shows a matrix, to 1e-12."""
        for _ in range(600):
            shown = self.picture(name)
            if shown.shape == expected.shape and np.abs(shown - expected).max() <= 1e-12:
                return
            self.page.wait_for_timeout(50)
        np.testing.assert_allclose(shown, expected, atol=1e-12)

    def differences(self) -> dict[str, float]:
        """Return the greatest difference of both ways, by precision, as it is said."""
        note = self.root.get_by_role("note")
        expect(note).to_contain_text("Greatest difference")
        numbers = note.inner_text().split(": ")[1].rstrip(".").split(", ")
        return {
            precision: float(number.replace("−", "-"))
            for number, precision in (text.split(" in ") for text in numbers)
        }
