"""A notebook that was run and turned into HTML stays alive, with the network cut."""

import pytest
from playwright.sync_api import expect

VIEWS = {"01_rank_explorer": 3, "02_adapter": 2}  # how many have a rank


def test_sliders_move_offline(notebook_page, open_tab):
    if notebook_page.stem not in VIEWS:
        pytest.skip("its page has a test of its own")
    page = open_tab(notebook_page).page
    sliders = page.get_by_role("slider", name="rank", exact=True)
    expect(sliders).to_have_count(VIEWS[notebook_page.stem])
    for slider in sliders.all():
        before = int(slider.input_value())
        spoken = slider.get_attribute("aria-valuetext")
        step = 1 if before < int(slider.get_attribute("max")) else -1
        slider.press("ArrowRight" if step > 0 else "ArrowLeft")
        expect(slider).to_have_value(str(before + step))
        expect(slider).not_to_have_attribute("aria-valuetext", spoken)
