"""What all tests share: Hypothesis's profile and the real matrices that lie beside the project."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
