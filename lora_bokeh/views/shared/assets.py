"""The package's JavaScript and CSS, as text.

The files under ``js/`` are plain ES modules that import one another. A page takes one text, and a
module loaded from a blob has no folder to import from, so :func:`bundle` joins a module and what
it imports, dependencies first. Each module keeps a scope of its own.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[\w./-]+\.mjs)";\n', re.MULTILINE)
_IMPORTS = re.compile(rf"(?:{_IMPORT.pattern})+", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import|export)\b(?! default).*", re.MULTILINE)
_MARGIN = re.compile(r"^\s+", re.MULTILINE)  # indentation and blank lines


def read(folder: str, name: str) -> str:
    """Return the text of one asset, ``folder`` being "js", "css" or "hosts"."""
    return files("lora_bokeh").joinpath(folder, name).read_text(encoding="utf-8")


@cache
def bundle(name: str, folder: Traversable | None = None) -> str:
    """Return a module and all that it imports as one module text.

    Every other module becomes a function that is called once and returns its exports, so that no
    name of one is seen in another unless it is imported. Indentation is left out: it is about what
    the functions add.

    Parameters
    ----------
    name : str
        The module, as a path below the folder; what it exports, the text exports.
    folder : folder, optional
        Where the modules are; default: the package's ``js``.

    Raises
    ------
    ValueError
        Modules import one another in a circle, a module imports what is not there or from outside
        the folder, or has an import or export of a form that is not used here.
    """
    sources = _in_order(folder or files("lora_bokeh").joinpath("js"), name)
    variables = {module: f"${number}" for number, module in enumerate(sources)}
    texts = [_linked(module, source, variables) for module, source in sources.items()]
    wrapped = [_wrapped(f"${number}", text) for number, text in enumerate(texts[:-1])]
    return _MARGIN.sub("", "".join([*wrapped, texts[-1]]))


def _in_order(folder: Traversable, name: str) -> dict[str, str]:
    """Return module → its source, each after all that it imports."""
    done: dict[str, str] = {}

    def visit(module: str, chain: list[str]) -> None:
        if module in chain:
            circle = " → ".join([*chain[chain.index(module) :], module])
            raise ValueError(f"modules import one another in a circle: {circle}")
        if module in done:
            return
        file = folder.joinpath(module)
        if module.startswith("../") or not file.is_file():
            raise ValueError(f"{chain[-1] if chain else 'bundle'}: there is no module {module}")
        source = file.read_text(encoding="utf-8")
        for _, path in _IMPORT.findall(source):
            visit(_resolved(module, path), [*chain, module])
        done[module] = source

    visit(name, [])
    return done


def _resolved(module: str, path: str) -> str:
    """Return what ``path`` means in an import of ``module``."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(module), path))


def _linked(module: str, source: str, variables: dict[str, str]) -> str:
    """Return a source that takes what it imports from the variables of the modules."""

    def taken(block: re.Match[str]) -> str:
        return f"const{','.join(given(*found) for found in _IMPORT.findall(block[0]))};\n"

    def given(names: str, path: str) -> str:
        bound = re.sub(r"\s+", "", names.replace(" as ", ":"))
        return f"{{{bound}}}={variables[_resolved(module, path)]}"

    text = _IMPORTS.sub(taken, source)
    if unknown := _UNKNOWN.search(_EXPORT.sub("", text)):
        raise ValueError(f"{module}: a form of import or export not used here: {unknown[0]}")
    return text


def _wrapped(variable: str, text: str) -> str:
    """Return a module as a function called once, its exports in a variable."""
    exports = ",".join(_EXPORT.findall(text))
    return f"const {variable}=(()=>{{\n{_EXPORT.sub('', text)}return{{{exports}}}}})();\n"


@cache
def stylesheet(*names: str) -> str:
    """Return style sheets joined in order."""
    return "\n".join(read("css", name) for name in names)


@cache
def light_palette() -> dict[str, str]:
    """Return colour name → "#rrggbb" of the light palette, for the first paint of the figures."""
    light = read("css", "palette.css").split(":host([")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
