"""lora-bokeh figure where nothing can be drawn: one line that says what to do."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from lora_bokeh import LoraExplorer, save_svg
from lora_bokeh.cli import main
from lora_bokeh.hosts import chromium


def failure(*words: str) -> str:
    done = CliRunner().invoke(main, ["figure", *words])
    assert done.exit_code == 2
    return done.stderr


def test_without_playwright_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    path = tmp_path / "a.svg"
    assert failure("-o", str(path)) == (
        f"lora-bokeh: {path}: pictures are drawn by a browser, which needs Playwright: "
        "pip install 'lora-bokeh[figure]'\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("driver", [None, [sys.executable, "-c", "raise SystemExit(1)"]])
def test_without_a_browser_it_says_how_to_get_one(monkeypatch, tmp_path, driver):
    monkeypatch.setattr(chromium, "_candidates", lambda: iter(()))
    if driver:
        monkeypatch.setattr(chromium, "DRIVER", driver)
    with pytest.raises(chromium.NoBrowserError, match="run `playwright install chromium`"):
        save_svg(LoraExplorer(), tmp_path / "a.svg")


def test_options_that_cannot_be_met(tmp_path):
    assert "the ending must be one of .svg, .pdf, .png" in failure("-o", "a.jpg")
    assert "--scale is for a .png" in failure("-o", "a.svg", "--scale", "2")
    path = str(tmp_path / "a.svg")
    assert "width must be between 200 and 4000 px, got 20" in failure("-o", path, "--width", "20")
    assert "rank must be between 1 and 8, got 9" in failure("-o", path, "--rank", "9")
    assert "nowhere.npy" in failure("nowhere.npy", "-o", path)
