"""A notebook is run from top to bottom, turned into HTML, and its explorer is tried out."""

import shutil
import subprocess
import sys

NOTEBOOK = "01_rank_explorer.ipynb"


def test_runs_and_stays_alive(pytestconfig, tmp_path, open_tab, try_out):
    notebook = shutil.copy(pytestconfig.rootpath / "notebooks" / NOTEBOOK, tmp_path)
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--execute", notebook]
    # MathJax and RequireJS come from elsewhere; the page has to do without.
    offline = ["--HTMLExporter.mathjax_url=", "--HTMLExporter.require_js_url="]
    subprocess.run([*convert, *offline], check=True, capture_output=True, timeout=120)
    page = open_tab((tmp_path / NOTEBOOK).with_suffix(".html"), reduced_motion="reduce").page
    try_out(page)
