"""The table of features names files and tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lora_bokeh"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "features.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and "`" in line
]
each_row = pytest.mark.parametrize(("feature", "where", "test"), ROWS)


@each_row
def test_files_are_there(feature, where, test):
    files = re.findall(r"`([^`]+)`", where)
    assert files
    assert [name for name in files if not (PACKAGE / name).exists()] == []


@each_row
def test_test_is_there(feature, where, test):
    path, name = test.strip("`").split("::")
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)
