"""The health of an adapter: what can only be told when its entries are read.

What is wrong with keys and shapes is found on opening; here every pair is read once. A pair with
entries that are not finite is left out, one that is zero is named, and all that is sound goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lora_bokeh import lora
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.formats.source import Entry, Finding, Source
from lora_bokeh.formats.tensors import SourceError
from lora_bokeh.text import count, listing

NON_FINITE = "pairs with entries that are not finite"
UNKNOWN, MISSING = "scale unknown", "scale missing"  # the second has to be stated


def examined(source: Source) -> Source:
    """Return an adapter without the pairs that are not finite, and with what was found said.

    Raises
    ------
    SourceError
        No pair is finite.
    """
    if not source.is_adapter or source.examined:
        return source
    sound, broken, zero = [], {}, []
    for entry in source.entries:
        try:
            nothing = _is_zero(entry.read())
        except SourceError as error:
            broken[str(entry.name)] = (entry, error)
            continue
        sound.append(entry)
        zero += [str(entry.name)] if nothing else []
    if not sound:
        raise next(iter(broken.values()))[1]
    found = [*_zero(zero, len(sound)), *_non_finite(broken)]
    leftovers = dict(source.leftovers)
    if broken:
        leftovers[NON_FINITE] = tuple(key for entry, _ in broken.values() for key in entry.keys)
    return replace(
        source,
        entries=tuple(sound),
        notes=(*(finding.said for finding in found), *source.notes),
        leftovers=leftovers,
        findings=(*found, *source.findings),
        examined=True,
    )


def _is_zero(update: LowRank | np.ndarray) -> bool:
    if isinstance(update, LowRank):
        return not (update.scale and update.B.any() and update.A.any())
    return not update.any()


def _zero(names: Sequence[str], of: int) -> list[Finding]:
    if not names:
        return []
    every = "every pair is" if len(names) == of else f"{len(names)} of {count(of, 'pair')} are"
    said = f"{every} zero, as before training: nothing was learned there: {listing(names)}"
    return [Finding("zero pairs", tuple(names), said)]


def _non_finite(broken: dict[str, tuple[Entry, SourceError]]) -> list[Finding]:
    if not broken:
        return []
    names = tuple(broken)
    first = next(iter(broken.values()))[1].reason
    said = (
        f"{count(len(names), 'pair')} left out, entries are not finite: "
        f"{listing(names, len(names))} ({first})"
    )
    return [Finding("non-finite pairs", names, said)]


def check_healthy(source: Source) -> None:
    """Refuse an adapter in which anything was found.

    Raises
    ------
    SourceError
        All that was found, in one sentence.
    """
    if source.findings:
        said = "; ".join(finding.said for finding in source.findings)
        raise SourceError(source.path, f"not sound (--strict): {said}")


def with_alpha(source: Source, alpha: float | None) -> Source:
    """Return an adapter whose unknown scales are alpha/r.

    Parameters
    ----------
    source : Source
        As it was opened.
    alpha : float or None
        What is known of it besides the file; None: nothing.

    Raises
    ------
    SourceError
        Its scale has to be stated, and is not; or an alpha is given and the scales are known.
    """
    unknown = {name for f in source.findings if f.kind in (UNKNOWN, MISSING) for name in f.names}
    if alpha is None:
        missing = [f.said for f in source.findings if f.kind == MISSING]
        if missing:
            raise SourceError(source.path, missing[0])
        return source
    if not unknown:
        raise SourceError(source.path, "its scale is known: leave out --alpha")
    if not np.isfinite(alpha):
        raise SourceError(source.path, f"--alpha is {alpha}, not a finite number")
    findings = tuple(f for f in source.findings if f.kind not in (UNKNOWN, MISSING))
    gone = {f.said for f in source.findings} - {f.said for f in findings}
    notes = (f"alpha is {alpha:g}, as stated", *(n for n in source.notes if n not in gone))
    entries = tuple(_scaled(entry, alpha) for entry in source.entries)
    return replace(source, entries=entries, findings=findings, notes=notes)


def _scaled(entry: Entry, alpha: float) -> Entry:
    """Return an entry of unknown scale, which was read with 1, with alpha/r."""
    if entry.lora_alpha is not None or entry.rank is None:
        return entry
    scale, read = lora.scale(alpha, entry.rank), entry.reader

    def scaled() -> LowRank | np.ndarray:
        update = read()
        return replace(update, scale=scale) if isinstance(update, LowRank) else scale * update

    return replace(entry, scale=scale, lora_alpha=alpha, reader=scaled)
