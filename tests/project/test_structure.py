"""The shape of the code: which package may import which, the mirror of the trees, small parts.

``ORDER`` and ``VIEWS`` are all that is to be known: a package imports from the lines above its own.
Whatever is new and in a folder that they name needs no line here.
"""

import ast
import inspect
import re
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import lora_bokeh

ROOT = Path(__file__).parents[2]
PACKAGE = Path(lora_bokeh.__file__).parent
ORDER = """
checks lora text targets
engine models
formats ranks training
adapters jobs
loading
compress
views
hosts lesson
cli
"""
VIEWS = """
shared
heatmaps
merge training budget explorer
adapter
for_file upload
workbench
lesson
"""  # the last is a package of its own, whose JavaScript may take from all of these
PAGE_LIBRARIES = {"bokeh", "panel", "param", "tornado", "jinja2"}
PAGE_FREE_VIEWS = {"data", "blocks", "survey", "plans", "factors"}  # the contract with the page
BESIDE_THE_MIRROR = {"project", "helpers", "browser", "interop", "benchmarks", "smoke", "typing"}
MAX_FILE, MAX_FUNCTION, MAX_MEDIAN = 400, 30, 10  # of functions, lines without docstring


def floors(table):
    """Return name → number of its line."""
    return {name: floor for floor, line in enumerate(table.split("\n")) for name in line.split()}


FLOOR, VIEW_FLOOR = floors(ORDER), floors(VIEWS)
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]
SCRIPTS = sorted((PACKAGE / "js").rglob("*.mjs"))
each_file = pytest.mark.parametrize("path", FILES, ids=NAMES)

# What does not hold yet. Whoever mends one takes it out: a test that passes here fails.
NOT_YET = {
    # The explorer's page holds the parts of the adapter's, and what all pages share names its
    # words.
    "explorer/cards.mjs", "explorer/page.mjs", "explorer/redraw.mjs",
    "shared/controls.mjs", "shared/panels.mjs",
}  # fmt: skip


def still(cases, root=None):
    """Return parameters of a test, those of ``NOT_YET`` marked as failing."""
    names = [case if root is None else case.relative_to(root).as_posix() for case in cases]
    failing = pytest.mark.xfail(reason="not yet", strict=True)
    return [
        pytest.param(case, id=name, marks=[failing] if name in NOT_YET else [])
        for case, name in zip(cases, names, strict=True)
    ]


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def parts_of(path):
    """Return the names that lead to a module, those of its packages first."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def is_module(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def imported(node):
    """Return the dotted names an import statement imports, down to the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "imports name the package in full"
    inner = [f"{node.module}.{alias.name}" for alias in node.names]
    if node.module.split(".")[0] != "lora_bokeh":
        return [node.module]
    return [name if is_module(name) else node.module for name in inner]


def imports(root):
    statements = (n for n in ast.walk(root) if isinstance(n, ast.Import | ast.ImportFrom))
    return [name for statement in statements for name in imported(statement)]


def below(path):
    """Return the modules of the package that a file imports, wherever in it."""
    names = {tuple(name.split(".")[1:]) for name in imports(tree(path)) if "." in name
             and name.split(".")[0] == "lora_bokeh"}  # fmt: skip
    return names - {parts_of(path)}


def may_import(mine, other, table):
    """Say whether ``mine`` may import ``other``: itself, or what stands on a line above."""
    return mine == other or table[other] < table[mine]


def test_every_module_is_in_a_room():
    loose = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert loose <= set(ORDER.split("\n")[1].split())
    assert rooms == set(FLOOR) - set(ORDER.split("\n")[1].split())
    assert {parts_of(path)[1] for path in (PACKAGE / "views").rglob("*.py")
            if len(parts_of(path)) > 1} <= set(VIEW_FLOOR)  # fmt: skip


@each_file
def test_imports_go_one_way(path):
    mine = parts_of(path)
    if not mine or mine == ("__main__",):
        pytest.skip("the package's face imports from everywhere")
    wrong = [".".join(o) for o in below(path) if not may_import(mine[0], o[0], FLOOR)]
    if mine[0] == "views" and len(mine) > 1:
        views = [o for o in below(path) if o[0] == "views"]
        wrong += [".".join(o) for o in views if not may_import(mine[1], o[1], VIEW_FLOOR)]
    assert wrong == []


def test_no_circles_within_a_package():
    graph = {parts_of(path): below(path) for path in FILES if parts_of(path)}
    while free := {name for name, needs in graph.items() if not needs & set(graph)}:
        graph = {name: needs for name, needs in graph.items() if name not in free}
    assert set(graph) == set()


@each_file
def test_only_what_shows_a_page_imports_a_page_library(path):
    mine = parts_of(path)
    floor = FLOOR.get(mine[0] if mine else "", 0)
    page_free = floor < FLOOR["views"] or mine[0] == "cli"  # commands import views on use
    page_free |= mine[:1] == ("views",) and mine[-1] in PAGE_FREE_VIEWS
    if not page_free:
        pytest.skip("shows a page")
    used = {name.split(".")[0] for name in imports(tree(path))}
    assert not used & PAGE_LIBRARIES


def folders(path):
    hidden = ("_", ".")
    return {each.name for each in path.iterdir() if each.is_dir() and each.name[0] not in hidden}


def test_scripts_and_styles_mirror_the_views():
    views = folders(PACKAGE / "views")
    scripts = folders(PACKAGE / "js")
    assert list((PACKAGE / "js").glob("*.mjs")) == []
    assert scripts == views | {"lesson", "workbench"}
    assert {path.stem for path in (PACKAGE / "css").iterdir()} - {"palette"} <= scripts


def test_tests_mirror_the_packages():
    tests = folders(ROOT / "tests") - BESIDE_THE_MIRROR
    rooms = set(FLOOR) - set(ORDER.split("\n")[1].split())
    assert tests == rooms
    loose = {path.stem for path in (ROOT / "tests").glob("*.py")} - {"conftest"}
    assert loose <= {f"test_{name}" for name in ORDER.split("\n")[1].split()}


@pytest.mark.parametrize("path", still(SCRIPTS, PACKAGE / "js"))
def test_scripts_import_one_way(path):
    mine = path.parent.name
    found = re.findall(r'\bfrom "([^"]+)"', path.read_text(encoding="utf-8"))
    others = {(path.parent / name).resolve().parent.name for name in found}
    assert {other for other in others if not may_import(mine, other, VIEW_FLOOR)} == set()


def test_importing_the_package_is_light():
    code = "import sys, lora_bokeh; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (PAGE_LIBRARIES | {"numba", "click", "rich"})


@pytest.mark.parametrize("name", sorted(set(lora_bokeh.__all__)))
def test_every_public_name_is_there(name):
    assert getattr(lora_bokeh, name) is not None
    assert name in dir(lora_bokeh)


def test_an_unknown_name_is_said():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lora_bokeh.nothing  # noqa: B018


SCRIPT = ("=>", "function(", "function (", "const ", "document.", "@media", "</", "px;")


@each_file
def test_no_script_or_style_in_strings(path):
    docs = {id(node.body[0].value) for node in documented(path)}
    strings = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Constant))
    texts = [node.value for node in strings if id(node) not in docs and isinstance(node.value, str)]
    assert not [t for t in texts if len(t) > 20 and any(mark in t for mark in SCRIPT)]


def documented(path):
    """Return the nodes which begin with a docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = (node for node in ast.walk(tree(path)) if isinstance(node, kinds))
    return [node for node in nodes if ast.get_docstring(node) is not None]


def length(node):
    """Count the lines of a body without its docstrings."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)]


@each_file
def test_functions_are_small(path):
    assert {f.name: length(f) for f in functions(path) if length(f) > MAX_FUNCTION} == {}


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS], ids=lambda path: path.stem)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE


def test_the_median_function_is_small():
    assert statistics.median(length(f) for path in FILES for f in functions(path)) < MAX_MEDIAN


def section(docstring, title):
    """Return the names that a section of a NumPy docstring describes, in order."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", docstring, re.M | re.S)
    heads = re.findall(r"^(\*{0,2}\w[^:\n]*?)(?: : .*)?$", found[1], re.M) if found else []
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def accepted(function):
    """Return the names and the kinds of a function's parameters, and whether it takes more."""
    a = function.args
    more = [a.vararg] if a.vararg else []
    named = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs, *more)]
    return [name for name in named if name not in ("self", "cls")], a.kwarg is not None


def misfits(described, named, takes_more):
    """Return what is described and not taken, and what is taken and not described."""
    more = {name for name in described if name not in named}
    return {name for name in named if name not in described} | (set() if takes_more else more)


@pytest.mark.parametrize("path", still(FILES, PACKAGE))
def test_docstrings_describe_the_parameters_there_are(path):
    """A section Parameters names all parameters of its function, or of the class's ``__init__``."""
    wrong = {}
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        described = section(inspect.cleandoc(ast.get_docstring(node) or ""), "Parameters")
        makers = [n for n in node.body if getattr(n, "name", "") == "__init__"]
        function = node if isinstance(node, ast.FunctionDef) else (makers or [None])[0]
        if described and function and (odd := misfits(described, *accepted(function))):
            wrong[node.name] = odd
    assert wrong == {}


@pytest.mark.parametrize("name", still(sorted({*lora_bokeh.__all__} - {"__version__", "RULES"})))
def test_every_public_name_has_a_docstring_with_its_parameters(name):
    public = getattr(lora_bokeh, name)
    doc = inspect.getdoc(public) or ""
    assert doc.split("\n")[0].endswith(".")
    if callable(public):
        parameters = inspect.signature(public).parameters.values()
        named = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
        described = section(doc, "Parameters") or section(doc, "Attributes")
        if section(doc, "Attributes"):  # a record: what is computed is described there too
            described = [name for name in described if name in named]
        assert misfits(described, named, len(named) < len(parameters)) == set()
