"""The package's JavaScript and CSS, as text.

The files under ``js/`` are plain ES modules that import one another. A page takes one text, and a
module loaded from a blob has no folder to import from, so :func:`bundle` joins a module and what
it imports, dependencies first.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.mjs)";\n', re.MULTILINE)


def read(folder: str, name: str) -> str:
    """Return the text of one asset, ``folder`` being "js" or "css"."""
    return files("lora_bokeh").joinpath(folder, name).read_text(encoding="utf-8")


@cache
def bundle(name: str) -> str:
    """Return a module and all that it imports as one module text."""
    return "\n".join(_IMPORT.sub("", read("js", module)) for module in _in_order(name))


def _in_order(name: str) -> list[str]:
    order: list[str] = []
    for module in _IMPORT.findall(read("js", name)):
        order += [other for other in _in_order(module) if other not in order]
    return [*order, name]


@cache
def stylesheet(*names: str) -> str:
    """Return style sheets joined in order."""
    return "\n".join(read("css", name) for name in names)


@cache
def light_palette() -> dict[str, str]:
    """Return colour name → "#rrggbb" of the light palette, for the first paint of the figures."""
    light = read("css", "palette.css").split(":host([")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
