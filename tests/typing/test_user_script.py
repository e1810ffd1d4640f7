"""Types reach a user: ``.ci/package`` has mypy and pyright check a script strictly, all of it."""

import ast
from importlib.resources import files
from pathlib import Path

import lora_bokeh

SCRIPT = Path(__file__).with_name("user_script.py")


def test_the_script_uses_every_public_name():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert set(lora_bokeh.__all__) <= used


def test_the_package_says_that_it_is_typed():
    assert files("lora_bokeh").joinpath("py.typed").is_file()
