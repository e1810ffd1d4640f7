"""What a drag costs: one small message an event to the server, nothing back to redraw."""

from __future__ import annotations

import json

from lora_bokeh import LoraExplorer
from lora_bokeh.targets import power_law
from tests.browser.explorer_page import ExplorerPage, eventually

DRAG = """async (input) => {
    for (let rank = 2; rank <= 61; rank++) {
        input.value = rank;
        input.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise(requestAnimationFrame);
    }
}"""


def test_drag_through_sixty_ranks_sends_one_patch_each(serve_view, open_tab):
    views = []

    def make() -> LoraExplorer:
        views.append(LoraExplorer(power_law(), rank=1))
        return views[-1]

    tab = open_tab(serve_view(make))
    explorer = ExplorerPage(tab.page)
    explorer.slider.evaluate(DRAG)
    eventually(tab.page, lambda: views[-1].rank, 61)
    tab.page.wait_for_timeout(1500)  # the springs come to rest, and send nothing
    frames = list(map(str, tab.frames))
    first = next(i for i, frame in enumerate(frames) if '"attr":"rank"' in frame)
    frames = frames[first:]  # before, the page told of its browser
    patches = [frame for frame in frames if '"events"' in frame]
    print(f"{len(frames)} frames, {sum(map(len, frames))} bytes")
    assert len(patches) == 60
    assert sum(map(len, frames)) < 12_000
    changed = [event["attr"] for patch in patches for event in json.loads(patch)["events"]]
    assert changed == ["rank"] * 60
