"""Keys to LoRA pairs: what the adapter formats share.

A format says how its keys look and where its scale is; here the two factors of each module are
brought together, checked by their headers alone, and made entries which are read when wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from lora_bokeh import lora
from lora_bokeh.adapters import other_tensors
from lora_bokeh.adapters.factor_keys import Keys, Parts
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.formats.module_names import live_name
from lora_bokeh.formats.names import natural
from lora_bokeh.formats.source import Entry, Finding, Source
from lora_bokeh.formats.tensors import Container, SourceError, TensorInfo
from lora_bokeh.text import count, listing

COPIES = "copies of pairs"
UNPAIRED, BROKEN = "factors without the other one", "factors of broken pairs"


class Scaling(NamedTuple):
    """The factor before B·A and the alpha it comes from, None where none is stored."""

    scale: float
    alpha: float | None


class Pairs(NamedTuple):
    """The pairs of a file that are sound, and those that are not.

    Attributes
    ----------
    entries : list of Entry
        The sound ones.
    broken : dict
        {module: (its keys, what is wrong)}.
    """

    entries: list[Entry]
    broken: dict[str, tuple[tuple[str, ...], SourceError]]

    @property
    def broken_keys(self) -> set[str]:
        """The keys of pairs that are not sound."""
        return {key for keys, _ in self.broken.values() for key in keys}

    def __add__(self, other: Pairs) -> Pairs:  # type: ignore[override]
        """Return the pairs of both."""
        return Pairs([*self.entries, *other.entries], {**self.broken, **other.broken})


Made = TypeVar("Made")


def each(modules: Mapping[str, Made], make: Callable[[str, Made], Entry]) -> Pairs:
    """Make the entry of each module, and set aside those of which none can be made."""
    entries, broken = [], {}
    for name, parts in modules.items():
        try:
            entries.append(make(name, parts))
        except SourceError as error:
            broken[name] = (_keys_of(parts), error)
    return Pairs(entries, broken)


def _keys_of(parts: Any) -> tuple[str, ...]:
    mapping = next((p for p in (parts, *(parts if isinstance(parts, tuple) else ()))
                    if isinstance(p, Mapping)), {})  # fmt: skip
    return tuple(mapping.values())


def adapter(  # noqa: PLR0913 - all but two are by keyword
    container: Container,
    pairs: Pairs,
    *,
    name: str,
    rest: Sequence[str],
    config: Mapping[str, Any],
    notes: Sequence[str] = (),
    findings: Sequence[Finding] = (),
    modules_to_save: Sequence[str] = (),
    alone: Sequence[str] = (),
    copies: Sequence[str] = (),
) -> Source:
    """Return the source of an adapter: its pairs in order, notes on all that is not obvious.

    Raises
    ------
    SourceError
        None of its pairs is sound: what is wrong with the first.
    """
    if pairs.broken and not pairs.entries:
        raise next(iter(pairs.broken.values()))[1]
    ordered = sorted(pairs.entries, key=lambda entry: natural(entry.name or ""))
    used = {key for entry in ordered for key in entry.keys} | {*alone, *copies} | pairs.broken_keys
    left = other_tensors.by_kind([key for key in rest if key not in used], modules_to_save)
    if copies:
        left[COPIES] = tuple(copies)
    if alone:
        left[UNPAIRED] = tuple(alone)
    if pairs.broken:
        left[BROKEN] = tuple(sorted(pairs.broken_keys))
    found = (*_broken_findings(pairs), *_alone_findings(alone), *findings)
    said = [
        *(finding.said for finding in found),
        *(_scale_notes(ordered) if all(not f.kind.startswith("scale") for f in found) else ()),
        *notes,
        *other_tensors.notes(left, "not part of a LoRA pair"),
    ]
    return Source(
        container.path,
        name,
        tuple(ordered),
        tuple(said),
        left,
        config,
        container.named,
        findings=found,
    )


def _broken_findings(pairs: Pairs) -> list[Finding]:
    """Name each pair that cannot be read, and say why of the first few."""
    if not pairs.broken:
        return []
    reasons = [error.reason for _, error in pairs.broken.values()]
    names = tuple(pairs.broken)
    said = f"{count(len(names), 'broken pair')} left out: {listing(names)} ({listing(reasons, 3)})"
    return [Finding("broken pairs", names, said)]


def _alone_findings(alone: Sequence[str]) -> list[Finding]:
    if not alone:
        return []
    said = f"{count(len(alone), 'factor')} without the other one left out: {listing(alone)}"
    return [Finding("unpaired keys", tuple(alone), said)]


def dead_prefixes(modules: Iterable[str]) -> list[Finding]:
    """Name the prefixes of keys that PEFT would ignore."""
    wrappers = {name: live_name(name)[1] for name in modules}
    dead = [name for name, wrapper in wrappers.items() if wrapper]
    if not dead:
        return []
    prefixes = list(dict.fromkeys(wrappers[name] for name in dead))
    said = (
        f"PEFT would ignore {count(len(dead), 'module')} whose keys have {listing(prefixes)!r} "
        f"in them; they are read without it: {listing(dead)}"
    )
    return [Finding("dead prefixes", tuple(dead), said)]


def _scale_notes(entries: Sequence[Entry]) -> list[str]:
    without = [str(entry.name) for entry in entries if entry.lora_alpha is None]
    if not without:
        return []
    if len(without) == len(entries):
        return ["no alpha is stored: the scale is taken to be 1"]
    return [
        f"{len(without)} of {count(len(entries), 'pair')} have no alpha, their scale is taken "
        f"to be 1: {listing(without)}"
    ]


def stored_scaling(container: Container, parts: Parts, rank: int) -> Scaling:
    """Return alpha/r by the pair's own alpha tensor; 1 where it has none."""
    if "alpha" not in parts:
        return Scaling(1.0, None)
    alpha = _number(container, parts["alpha"])
    return Scaling(lora.scale(alpha, rank), alpha)


def _number(container: Container, key: str) -> float:
    stored = container.named[key]
    if math.prod(stored.info.shape) != 1:
        raise SourceError(
            container.path, f"{key!r} must hold one number, its shape is {stored.info.shape}"
        )
    number = float(stored.read().reshape(()))
    if not math.isfinite(number):
        raise SourceError(container.path, f"{key!r} is {number}, not a finite number")
    return number


def stored_pairs(container: Container, keys: Keys) -> Pairs:
    """Return an entry for each module, scaled by its own alpha tensor."""
    return each(
        keys.modules,
        lambda name, parts: pair(
            container, name, parts, scaling=partial(stored_scaling, container, parts)
        ),
    )


def pair(  # noqa: PLR0913 - all but three are by keyword
    container: Container,
    name: str,
    parts: Parts,
    *,
    scaling: Callable[[int], Scaling],
    fan_in_fan_out: bool = False,
    embedding: bool = False,
) -> Entry:
    """Return the entry of one module, checked by its headers.

    Parameters
    ----------
    container : Container
        The file.
    name : str
        The module.
    parts : dict of str to str
        Its keys: "A" of shape (r, in[, kh, kw]), "B" (out, r[, 1, 1]), perhaps "mid"
        (r, r, kh, kw), which stands between them.
    scaling : callable
        From the rank r to the :class:`Scaling`.
    fan_in_fan_out, embedding
        As in :class:`Entry`.

    Raises
    ------
    SourceError
        The factors do not fit together, hold no floating-point numbers, or r is 0.
    """
    keys = [parts[part] for part in ("A", "B", "mid") if part in parts]
    infos = [container.named[key].info for key in keys]
    problem = next(filter(None, map(_problem, infos)), None) or _misfit(infos)
    if problem:
        raise SourceError(container.path, f"pair {name!r}: {problem}")
    A, B = infos[:2]
    scale, alpha = scaling(B.shape[1])
    if not math.isfinite(scale):
        raise SourceError(container.path, f"pair {name!r}: its scale is {scale}")
    kernel = A.shape[1:2] + (*infos[2:], A)[0].shape[2:] if len(A.shape) > 2 else None
    shape = B.shape[0], math.prod(kernel or A.shape[1:])
    turned = fan_in_fan_out and kernel is None
    read = partial(_read, container, name, keys, scale, turned)
    return Entry(
        name=name,
        kind="pair",
        shape=shape[::-1] if turned else shape,
        dtype=A.dtype if A.dtype == B.dtype else f"{A.dtype}, {B.dtype}",
        nbytes=sum(info.nbytes for info in infos),
        keys=tuple(keys) + tuple(parts[p] for p in ("alpha",) if p in parts),
        reader=read,
        rank=B.shape[1],
        scale=scale,
        lora_alpha=alpha,
        kernel=kernel,
        fan_in_fan_out=turned,
        embedding=embedding,
    )


def _problem(info: TensorInfo) -> str | None:
    """Say why a tensor can be no factor."""
    if not info.dtype.startswith(("float", "bfloat")):
        return f"{info.name!r} has dtype {info.dtype}, a factor holds floating-point numbers"
    if len(info.shape) < 2:
        return f"{info.name!r} is {len(info.shape)}-D, of shape {info.shape}, not a matrix"
    if 0 in info.shape:
        return f"{info.name!r} is empty: its shape is {info.shape}, a rank is at least 1"
    return None


def _misfit(infos: Sequence[TensorInfo]) -> str | None:
    """Say why factors do not multiply."""
    A, B, *mid = infos
    if math.prod(B.shape[2:]) != 1:
        return f"{B.name!r} has shape {B.shape}, the second factor of a convolution is 1×1"
    if mid and (math.prod(A.shape[2:]) != 1 or mid[0].shape[:2] != (B.shape[1], A.shape[0])):
        return (
            f"{mid[0].name!r} of shape {mid[0].shape} does not stand between {A.shape}, {B.shape}"
        )
    if not mid and B.shape[1] != A.shape[0]:
        return (
            f"the inner dimensions differ: {B.name!r} has {B.shape[1]} columns, "
            f"{A.name!r} has {A.shape[0]} rows"
        )
    return None


def _read(
    container: Container, name: str, keys: Sequence[str], scale: float, turned: bool
) -> LowRank:
    A, B, *mid = (container.named[key].read() for key in keys)
    A = _through_kernel(mid[0], A) if mid else A.reshape(len(A), -1)
    B = B.reshape(len(B), -1)
    try:
        return LowRank(A.T, B.T, scale) if turned else LowRank(B, A, scale)
    except (ValueError, TypeError) as error:
        raise SourceError(container.path, f"pair {name!r} ({', '.join(keys)}): {error}") from None


def _through_kernel(mid: np.ndarray, A: np.ndarray) -> np.ndarray:
    """Return Σ_b mid[a, b, h, w]·A[b, i] as rows a of (i, h, w): the wide factor of a LoCon.

    https://github.com/KohakuBlueleaf/LyCORIS, ``rebuild_tucker``.
    """
    wide = np.tensordot(mid.astype(float), A.reshape(len(A), -1).astype(float), axes=(1, 0))
    return np.moveaxis(wide, -1, 1).reshape(len(wide), -1)
