"""save_html: one file, whole or absent, small, and without an address to ask."""

import re
from pathlib import Path

import pytest

from lora_bokeh import FactorizationPlot, LoraExplorer, RankExplorer, save_html


def test_default_page_is_one_file_of_at_most_three_and_a_half_megabytes(tmp_path):
    save_html(LoraExplorer(), tmp_path / "page.html", title="mine & yours")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(text.encode()) <= 3_500_000
    assert "<title>mine &amp; yours</title>" in text
    assert "Content-Security-Policy" in text
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"<(link|img)|(href|src)=", markup)
    assert not re.search(r"<script[^>]+src=", text)


@pytest.mark.parametrize("make", [FactorizationPlot, RankExplorer, LoraExplorer])
def test_view_stays_usable_after_it_was_saved(make, tmp_path):
    view = make()
    for name in ("a.html", "b.html"):
        save_html(view, tmp_path / name)
    view.rank = 3
    assert view.rank == 3


def full_disk(*_):
    raise OSError("disk full")


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="disk full"):
        save_html(FactorizationPlot(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_html(FactorizationPlot(), tmp_path / "nowhere" / "page.html")


def test_file_has_the_permissions_of_any_new_file(tmp_path):
    save_html(FactorizationPlot(), tmp_path / "page.html")
    (tmp_path / "other").touch()
    assert (tmp_path / "page.html").stat().st_mode == (tmp_path / "other").stat().st_mode
