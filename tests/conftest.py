"""What all tests share: Hypothesis's profile, the real matrices, the notebooks as pages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

# No deadline: the first call of a kernel compiles it. In CI the draws are the same every time.
settings.register_profile("lora_bokeh", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("lora_bokeh")


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Path:
    """Folder of the real matrices and adapters; skips the test where there is none."""
    folder = pytestconfig.rootpath.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real matrices (../shared/data) are not on this machine")
    return folder


@pytest.fixture(
    scope="session", params=sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem
)
def notebook_page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook of the project, run from top to bottom and turned into a page of HTML."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = shutil.copy(request.param, folder)
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--execute", notebook]
    # MathJax and RequireJS come from elsewhere; the page has to do without.
    offline = ["--HTMLExporter.mathjax_url=", "--HTMLExporter.require_js_url="]
    done = subprocess.run([*convert, *offline], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(notebook).with_suffix(".html")
