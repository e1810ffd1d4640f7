"""The shape of the code: imports go downwards only, no script in a string, small parts."""

import ast
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import lora_bokeh

PACKAGE = Path(lora_bokeh.__file__).parent
LAYERS = {
    "L0": [
        *("_kernels", "_fetch", "_products", "crew", "arrays"),
        "lora",
        "matrix",
        "rounding",
        "noise",
        "forms",
        "draws",
        "formats",
        "thin_qr",
        "_descent",
    ],
    "L1": [
        *(
            "products",
            "widening",
            "small",
            "basis",
            "krylov",
            "enclosure",
            "gram_krylov",
            "factored",
            "options",
            "power",
            "lapack",
        ),
        "steps",
        *("svd", "spectrum", "tails", "rule", "rules", "targets", "loaders", "budget", "spool"),
        *("gram_schmidt", "forecast", "descent", "eckart_young", "training", "milestones"),
        "training_grid",
        *("presets", "trainable", "starts"),
        *("progress", "writers", "ranks", "cutting", "result", "assembling", "planner"),
        *("beside", "resize", "kept", "extract"),
        *("card", "saving"),
    ],
    "L2": [
        "assets",
        "state",
        "sources",
        "drawing",
        "figures",
        "heatmap",
        *("pooled", "pictures", "inside", "closer"),
        "budget_figures",
        *("trainer", "training_figures", "training_offers", "merge_figures"),
        *("widgets", "displays", "shown", "view"),
        *("jobs", "opened", "plans", "survey", "listing", "upload", "answers"),
        *("privates", "sessions", "target_view", "training_page"),
        *("reader", "readers", "rates"),
    ],
    "L3": [
        "factorization",
        "explorer",
        "adapter",
        "merge",
        "parameters",
        "lesson",
        "training_explorer",
        "views",
        "workbench",
        "page",
        *("export", "chromium", "picture"),
        *("guard", "pacing", "headers", "server"),
    ],
    "L4": [
        *(
            "cli_options",
            "cli_output",
            "cli_errors",
            "cli_progress",
            "cli_source",
            "cli_look",
            "cli_job",
        ),
        *("cli_act", "cli", "cli_hosting"),
        "cli_view",
        *("cli_budget_output", "cli_budget", "cli_train", "cli_trained", "cli_lesson"),
        "cli_figure",
        "__main__",
    ],
}
LEVEL = {module: level for level, names in enumerate(LAYERS.values()) for module in names}
PAGE_LIBRARIES = {"bokeh", "panel", "param", "tornado", "jinja2"}
PAGE_FREE = {*LAYERS["L0"], *LAYERS["L1"], *LAYERS["L4"]}  # the last import L3 inside functions

MAX_FILE, MAX_FUNCTION, MAX_MEDIAN = 400, 30, 10  # lines, neither blank nor docstring

FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]
each_file = pytest.mark.parametrize("path", FILES, ids=NAMES)


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path):
    """Return the name by which the layers know a file; a subpackage is one of them."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(node):
    """Return the dotted names an import statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "imports name the package in full"
    if node.module == "lora_bokeh":
        return [f"lora_bokeh.{alias.name}" for alias in node.names]
    return [node.module]


def imports(root):
    statements = (n for n in ast.walk(root) if isinstance(n, ast.Import | ast.ImportFrom))
    return [name for statement in statements for name in imported(statement)]


def below(path):
    """Return the modules of the package that a file imports, wherever in it."""
    names = {name.split(".")[1] for name in imports(tree(path)) if name.startswith("lora_bokeh.")}
    return names - {module_of(path)}


def test_every_module_has_a_layer():
    assert {module_of(path) for path in FILES} - {"__init__"} <= set(LEVEL)


@each_file
def test_imports_go_downwards(path):
    module = module_of(path)
    if module == "__init__":
        pytest.skip("the package's face imports from every layer")
    upwards = {name for name in below(path) if LEVEL[name] > LEVEL[module]}
    assert not upwards


def test_no_circles_within_a_layer():
    graph = {name: set() for name in LEVEL}
    for path in FILES:
        if module_of(path) in graph:
            graph[module_of(path)] |= below(path)
    while free := {name for name, needs in graph.items() if not needs & set(graph)}:
        graph = {name: needs for name, needs in graph.items() if name not in free}
    assert not graph


@each_file
def test_only_what_shows_a_page_imports_a_page_library(path):
    if module_of(path) not in PAGE_FREE | {"__init__"}:
        pytest.skip("shows a page")
    used = {name.split(".")[0] for name in imports(tree(path))}
    assert not used & PAGE_LIBRARIES


def test_importing_the_package_is_light():
    code = "import sys, lora_bokeh; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (PAGE_LIBRARIES | {"numba", "click", "rich"})


@pytest.mark.parametrize("name", sorted(set(lora_bokeh.__all__)))
def test_every_public_name_is_there(name):
    assert getattr(lora_bokeh, name) is not None
    assert name in dir(lora_bokeh)


def test_public_functions_keep_their_names_from_modules():
    """The module lora_bokeh.spectrum must not hide the function of that name."""
    import lora_bokeh.spectrum

    assert callable(lora_bokeh.spectrum)
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
def test_files_and_functions_are_small(path):
    prose = {line for node in documented(path)
             for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)}  # fmt: skip
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    code = [number for number, line in lines if line.strip() and number not in prose]
    assert len(code) <= MAX_FILE
    assert {f.name: length(f) for f in functions(path) if length(f) > MAX_FUNCTION} == {}


def test_the_median_function_is_small():
    assert statistics.median(length(f) for path in FILES for f in functions(path)) < MAX_MEDIAN
