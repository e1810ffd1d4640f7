"""Privates of libraries: each is listed, there, and its lack is said in one sentence."""

import ast
import importlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import lora_bokeh
from lora_bokeh.cli import main
from lora_bokeh.views.shared import privates
from lora_bokeh.views.shared.privates import OF_OBJECTS, PRIVATES, Private, PrivateError, name_of

PACKAGE = Path(lora_bokeh.__file__).parent
LIBRARIES = ("panel", "bokeh", "tornado", "param")
DOCUMENTED = {"_esm", "_stylesheets"}
OF_TUPLES = {"_asdict", "_replace", "_fields"}
MADE = ("_param__", "_data_model", "_all_slots_")  # by the libraries themselves, for each class
TREES = {path: ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name != "_"


def listed():
    return {name for private in PRIVATES for name in private.names} | set(OF_OBJECTS)


def written():
    """Return the private names that the package gives to its own things."""
    nodes = [node for tree in TREES.values() for node in ast.walk(tree)]
    names = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    names |= {n.name for n in nodes if isinstance(n, ast.AsyncFunctionDef)}
    names |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)]
    return names | {n.attr for n in stored}


def classes():
    for path in TREES:
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if not name.endswith("__main__"):
            module = importlib.import_module(name.removesuffix(".__init__"))
            yield from (c for c in vars(module).values() if isinstance(c, type))


def test_attributes_that_are_read_are_our_own_or_listed():
    ours = written() | listed() | OF_TUPLES
    read = [
        (path.name, node.lineno, node.attr)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in ours
    ]
    assert read == []


def test_nothing_private_is_imported():
    imported = [
        (path.name, node.module, alias.name)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in LIBRARIES
        for alias in node.names
        if is_private(alias.name)
    ]
    assert imported == []


def test_methods_that_override_a_private_are_listed():
    overriding = {
        (ours.__name__, name)
        for ours in classes()
        if ours.__module__.startswith("lora_bokeh")
        for base in ours.__mro__[1:]
        if base.__module__.split(".")[0] in LIBRARIES
        for name in vars(ours)
        if is_private(name) and not name.startswith(MADE) and name in vars(base)
    }
    assert {(c, name) for c, name in overriding if name not in listed() | DOCUMENTED} == set()
    assert ("Component", "_get_model") in overriding


@pytest.mark.parametrize("private", PRIVATES, ids=lambda p: f"{p.home}.{p.names[0]}")
def test_is_there(private):
    assert name_of(private) in private.names


def test_what_is_gone_is_said_in_a_sentence(monkeypatch, tmp_path):
    gone = Private("panel.io.document", ("_GONE",), "all is well")
    monkeypatch.setattr(privates, "PRIVATES", (*PRIVATES, gone))
    with pytest.raises(PrivateError, match=r"^panel [\d.]+ has no panel\.io\.document\._GONE, by"):
        privates.rely_on_privates.__wrapped__()


def test_the_command_line_says_it_in_one_line(monkeypatch, tmp_path):
    def fail(*_args, **_options):
        raise PrivateError("panel 9 has no such thing")

    monkeypatch.setattr("lora_bokeh.cli.look.computed_spectrum", fail)
    np.save(tmp_path / "w.npy", np.eye(3))
    done = CliRunner().invoke(main, ["curve", str(tmp_path / "w.npy")])
    assert (done.exit_code, done.output) == (2, "lora-bokeh: panel 9 has no such thing\n")
