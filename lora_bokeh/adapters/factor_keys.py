"""The keys of a file, sorted into the factors of modules by a format's patterns."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lora_bokeh.formats.tensors import Container, SourceError
from lora_bokeh.text import listing

Parts = dict[str, str]  # "A", "B", "alpha", "mid" → key

ADAPTER_MARK = ": "  # between an adapter's name and a module's, where a file has several adapters


class Keys(NamedTuple):
    """The keys of a file, sorted.

    Attributes
    ----------
    modules : dict
        {module: its parts}, of modules with both factors.
    rest : list of str
        Keys that are no part of a pair.
    alone : list of str
        Factors without the other one.
    """

    modules: dict[str, Parts]
    rest: list[str]
    alone: list[str]


def gather(
    container: Container,
    patterns: Sequence[tuple[str, str]],
    named: Callable[[str], str] = str,
) -> Keys:
    """Sort the keys of a file into modules.

    Parameters
    ----------
    container : Container
        The file.
    patterns : sequence of (part, regular expression)
        A key that an expression matches whole is that part of the module its groups spell; a
        group "adapter" is the name of the adapter, for files that have several.
    named : callable, optional
        From what the groups spell to the module's name.

    Raises
    ------
    SourceError
        A module has two of the same factor, or no module has both.
    """
    compiled = [(part, re.compile(pattern)) for part, pattern in patterns]
    modules: dict[tuple[str, str], Parts] = defaultdict(dict)
    rest = []
    for key in container.named:
        found = ((part, pattern.fullmatch(key)) for part, pattern in compiled)
        part, match = next(((p, m) for p, m in found if m), ("", None))
        if match is None:
            rest.append(key)
            continue
        parts = modules[_module_of(match, named)]
        if part in parts:
            raise SourceError(
                container.path, f"{parts[part]!r} and {key!r} are both the same factor"
            )
        parts[part] = key
    return _complete(container, _with_adapters(modules), rest)


def _module_of(match: re.Match[str], named: Callable[[str], str]) -> tuple[str, str]:
    """Return the module and the adapter that a key names; "default" is no name."""
    adapter = match.groupdict().get("adapter")
    groups = list(match.groups())
    if adapter is not None:
        groups.remove(adapter)
    return named("".join(filter(None, groups))), "" if adapter in (None, "default") else adapter


def _with_adapters(modules: Mapping[tuple[str, str], Parts]) -> dict[str, Parts]:
    """Return {module: parts}, with the adapter in front where the file has several."""
    several = len({adapter for _, adapter in modules}) > 1
    return {
        f"{adapter}{ADAPTER_MARK}{name}" if several and adapter else name: parts
        for (name, adapter), parts in modules.items()
    }


def _complete(container: Container, modules: dict[str, Parts], rest: list[str]) -> Keys:
    """Keep the modules with both factors; refuse a file in which there are only single ones."""
    whole = {name: parts for name, parts in modules.items() if {"A", "B"} <= parts.keys()}
    others = [parts for name, parts in modules.items() if name not in whole]
    alone = [parts.get("A") or parts["B"] for parts in others if {"A", "B"} & parts.keys()]
    if alone and not whole:
        verb = "is a factor" if len(alone) == 1 else "are factors"
        raise SourceError(
            container.path, f"{listing(alone)} {verb} of a LoRA pair without the other factor"
        )
    return Keys(whole, rest + [key for parts in others for key in parts.values()], alone)
