"""Every notebook runs from top to bottom, and is committed without outputs."""

import json
import re


def test_are_committed_without_outputs(pytestconfig):
    notebooks = list(pytestconfig.rootpath.glob("notebooks/*.ipynb"))
    cells = [cell for path in notebooks for cell in json.loads(path.read_text("utf-8"))["cells"]]
    assert cells
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_runs(notebook_page):
    assert notebook_page.stat().st_size > 0


def test_leaves_the_files_it_speaks_of(notebook_page):
    saved = [path.name for path in notebook_page.parent.glob("*.html") if path != notebook_page]
    source = notebook_page.with_suffix(".ipynb").read_text("utf-8")
    assert sorted(saved) == sorted(re.findall(r'save_html\(.*\\"([\w.]+)\\"\)', source))
