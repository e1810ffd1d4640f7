"""What the commands look at: a source, or its difference from a base, names matched as asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lora_bokeh.loading.difference import Names
from lora_bokeh.loading.open import Source, difference, open_source


def opened(
    source: str,
    base: str | None,
    *,
    maps: Sequence[str] = (),
    partial: bool = False,
    alpha: float | None = None,
) -> Source:
    """Return a source, or its difference from a base.

    Raises
    ------
    SourceError, ValueError
        One of them cannot be read, a map is none, or they do not match.
    """
    if base is not None and alpha is not None:
        raise ValueError("--alpha is an adapter's, and --base is given")
    if base is not None:
        return difference(base, source, names=matching(maps, partial))
    for option, given in {"--map": maps, "--partial": partial}.items():
        if given:
            raise ValueError(f"{option} needs a --base to go with")
    return open_source(source, alpha)


def matching(maps: Sequence[str], partial: bool) -> Names:
    """Return how names are to be matched, from OLD=NEW texts."""
    split = [text.partition("=") for text in maps]
    wrong = [text for text, (_, sign, _) in zip(maps, split, strict=True) if not sign]
    if wrong:
        raise ValueError(f"--map takes OLD=NEW, got {wrong[0]!r}")
    return Names({old: new for old, _, new in split}, partial)


def names_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take out of the options of a command what :func:`opened` takes."""
    return {name: options.pop(name) for name in ("maps", "partial", "alpha") if name in options}
