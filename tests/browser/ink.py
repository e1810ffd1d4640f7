"""What is really painted: the pixels of the canvases, which no HTML tells of."""

from __future__ import annotations

from playwright.sync_api import Locator

MOMENT = 50  # ms
PAPER = 2  # colours of an empty figure: inside its frame and around it

LOOK = """(canvases) => {
    const colours = new Set();
    let sum = 0; // of all pixels and their places, as FNV-1a has it
    for (const canvas of canvases.filter(({ width, height }) => width && height)) {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (const pixel of new Uint32Array(data.buffer)) {
            if (pixel >>> 24) colours.add(pixel);
            sum = Math.imul(sum ^ pixel, 16777619);
        }
    }
    return [colours.size, sum];
}"""


def look(figure: Locator) -> tuple[int, int]:
    """Return how many colours the canvases of a figure hold, and a sum of all their pixels."""
    count, total = figure.locator("canvas").evaluate_all(LOOK)
    return count, total


def expect_inked(figure: Locator) -> None:
    """Wait until a figure shows more than its paper."""
    for _ in range(600):
        if look(figure)[0] > PAPER:
            return
        figure.page.wait_for_timeout(MOMENT)
    raise AssertionError(f"{figure} is blank")
