"""A notebook that was run and turned into HTML stays alive, with the network cut."""

from playwright.sync_api import expect


def test_sliders_move_offline(notebook_page, open_tab):
    page = open_tab(notebook_page).page
    sliders = page.get_by_role("slider", name="rank", exact=True)
    expect(sliders).to_have_count(3)
    for slider in sliders.all():
        before = int(slider.input_value())
        spoken = slider.get_attribute("aria-valuetext")
        slider.press("ArrowRight")
        expect(slider).to_have_value(str(before + 1))
        expect(slider).not_to_have_attribute("aria-valuetext", spoken)
