"""The lesson on a page, as a person meets it: by roles, names and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

FOCUSED = """(element) => {
    let at = document.activeElement;
    while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at === element;
}"""


@dataclass
class LessonPage:
    """The lesson of a page."""

    page: Page

    def __post_init__(self) -> None:
        expect(self.root.get_by_role("heading", level=1, name="LoRA, by doing")).to_be_visible()

    @property
    def root(self) -> Locator:
        return self.page.locator(".lesson")

    @property
    def path(self) -> Locator:
        return self.root.get_by_role("navigation", name="acts", exact=True)

    @property
    def title(self) -> Locator:
        return self.root.locator(".act > header").get_by_role("heading", level=2)

    @property
    def predict(self) -> Locator:
        return self.root.get_by_role("region", name="predict", exact=True)

    @property
    def attempt(self) -> Locator:
        return self.root.get_by_role("region", name="try", exact=True)

    @property
    def reveal(self) -> Locator:
        return self.root.get_by_role("region", name="reveal", exact=True)

    @property
    def verdict(self) -> Locator:
        return self.predict.locator(".verdict")

    @property
    def spoken(self) -> Locator:
        return self.root.locator("> .status")

    def act(self, number: int) -> Locator:
        return self.path.get_by_role("button", name=f"Act {number}:")

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def tab_to(self, target: Locator, key: str = "Tab", most: int = 120) -> None:
        """Press Tab until the focus is there."""
        for _ in range(most):
            if target.evaluate(FOCUSED):
                return
            self.page.keyboard.press(key)
        raise AssertionError(f"{target} is not reached with {key}")

    def press(self, target: Locator, key: str = "Enter") -> None:
        self.tab_to(target)
        self.page.keyboard.press(key)

    def answer(self, question: dict[str, Any], given: Any) -> None:
        """Give an answer and check it, by keyboard alone, from above the form."""
        {"choice": self._choose, "number": self._type, "task": self._set}[question["kind"]](
            question, given
        )

    def _choose(self, question: dict[str, Any], key: str) -> None:
        radios = self.predict.get_by_role("radio")
        wanted = next(i for i, o in enumerate(question["options"]) if o["key"] == key)
        chosen = [i for i in range(len(question["options"])) if radios.nth(i).is_checked()]
        self.tab_to(radios.nth(chosen[0] if chosen else 0))
        self.page.keyboard.press("Space")
        steps = wanted - (chosen[0] if chosen else 0)
        for _ in range(abs(steps)):
            self.page.keyboard.press("ArrowDown" if steps > 0 else "ArrowUp")
        expect(radios.nth(wanted)).to_be_checked()
        self.page.keyboard.press("Enter")

    def _type(self, question: dict[str, Any], given: dict[str, float]) -> None:
        for field in question["fields"]:
            self.tab_to(self.predict.get_by_role("spinbutton", name=field["label"], exact=True))
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(f"{given[field['key']]:.10g}")
        self.page.keyboard.press("Enter")

    def _set(self, question: dict[str, Any], given: dict[str, float]) -> None:
        slider = self.attempt.get_by_role("slider", name="rank", exact=True)
        self.tab_to(slider)
        self.page.keyboard.press("Home")
        for _ in range(int(given["rank"]) - 1):
            self.page.keyboard.press("ArrowRight")
        self.tab_to(self.button("Check"), "Shift+Tab")
        self.page.keyboard.press("Enter")
