"""JavaScript modules join into one text; colours have one home."""

import re
from importlib.resources import files

import pytest

from lora_bokeh.assets import bundle, light_palette, stylesheet

MODULES = sorted(p.name for p in files("lora_bokeh").joinpath("js").iterdir())


@pytest.mark.parametrize("module", MODULES)
def test_bundle_holds_every_function_once_and_imports_nothing(module):
    text = bundle(module)
    assert not re.search(r"^import ", text, re.MULTILINE)
    declared = re.findall(
        r"^(?:export |default |async )*(?:function|class|const|let) (\w+|\[[\w, ]+\])", text, re.M
    )
    names = [name for each in declared for name in re.findall(r"\w+", each)]
    assert sorted(names) == sorted(set(names))


def test_every_colour_has_a_light_and_a_dark_value():
    light, dark = stylesheet("palette.css").split(":host([")
    assert re.findall(r"--[\w-]+(?=: #)", light) == re.findall(r"--[\w-]+(?=: #)", dark)
    assert set(re.findall(r"var\(--([\w-]+)", stylesheet("shell.css"))) <= {
        *light_palette(), "share", "fill",
    }  # fmt: skip
