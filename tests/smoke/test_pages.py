"""Every page, served by ``panel serve``, and as the file that is saved of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect
from safetensors.numpy import save_file

import lora_bokeh
from lora_bokeh import save_html
from tests.browser.serving import serving_command

VIEWS = {
    "explorer": "LoraExplorer",
    "merge": "MergeExplorer",
    "training": "TrainingExplorer",
    "budget": "BudgetExplorer",
    "lesson": "Lesson",
}
LINKS = {  # to a state in which the rank shows
    "merge": "#adapter=2",
    "lesson": "#mode=explore&view=explorer",
}
PLACES = {"lesson": ".stage .explorer"}


@pytest.fixture(scope="module")
def apps(pytestconfig):
    """Address of the server of all the apps."""
    scripts = sorted(pytestconfig.rootpath.glob("apps/*.py"))
    with ExitStack() as stack:
        command = ("panel", "serve", *scripts, "--port", "0", "--address", "127.0.0.1")
        address = stack.enter_context(serving_command(command, pytestconfig.rootpath))
        yield "http://" + urlsplit(address).netloc


@pytest.fixture(scope="module")
def adapter(tmp_path_factory) -> Path:
    """Three LoRA pairs of rank 4."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("adapter") / "pairs.safetensors"
    shapes = {"w_b": (20, 4), "w_a": (4, 16)}
    draw = {f"{name}_{i}": rng.standard_normal(shapes[name]) for name in shapes for i in range(3)}
    save_file({name: values.astype(np.float32) for name, values in draw.items()}, path)
    return path


@pytest.fixture
def try_page(open_tab, try_out):
    """Try a page out by its address: ``try_page("lesson", "http://…/lesson")``."""

    def try_one(app: str, address: str) -> None:
        page = open_tab(address + LINKS.get(app, ""), reduced_motion="reduce").page
        try_out(page, PLACES.get(app, ".explorer"))

    return try_one


@pytest.mark.parametrize("app", VIEWS)
def test_is_served(app, apps, try_page):
    try_page(app, f"{apps}/{app}")


def test_a_file_dropped_on_the_workbench_is_shown(apps, adapter, open_tab, try_out):
    page = open_tab(f"{apps}/adapter", reduced_motion="reduce").page
    page.locator("input[type=file]").set_input_files(adapter)
    expect(page.get_by_text("3 matrices")).to_be_visible()
    try_out(page)


@pytest.mark.parametrize("app", VIEWS)
def test_is_saved_and_opened(app, tmp_path, try_page):
    save_html(getattr(lora_bokeh, VIEWS[app])(), tmp_path / "page.html")
    try_page(app, (tmp_path / "page.html").as_uri())


def test_an_adapter_is_saved_and_opened(adapter, tmp_path, open_tab, try_out):
    save_html(lora_bokeh.AdapterExplorer(adapter), tmp_path / "page.html")
    page = open_tab(tmp_path / "page.html", reduced_motion="reduce").page
    expect(page.get_by_text("3 matrices")).to_be_visible()
    try_out(page)
