"""Updates which are no single product B·A but follow from a formula: factors if they are small.

Where the formula's rank is below that of a full matrix, ΔW is kept as a pair of that rank;
otherwise as the dense matrix. Either way it is exact but for rounding in float64.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from lora_bokeh.adapters.pairing import Scaling
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.formats.source import Entry
from lora_bokeh.formats.tensors import Container, SourceError, Stored

Arrays = Mapping[str, np.ndarray]
Factors = tuple[np.ndarray, np.ndarray]


class Formula(NamedTuple):
    """ΔW before the scale.

    Attributes
    ----------
    shape : tuple of int
        (out, in); of a convolution (out, in·kh·kw).
    rank : int
        No ΔW of this formula has a larger rank.
    factors : callable or None
        From the arrays to B (out, rank) and A (rank, in).
    dense : callable
        From the arrays to the matrix.
    kernel : tuple of int or None
        (in, kh, kw) of a convolution, where the file tells.
    """

    shape: tuple[int, int]
    rank: int
    factors: Callable[[Arrays], Factors] | None
    dense: Callable[[Arrays], np.ndarray]
    kernel: tuple[int, ...] | None = None


def update(  # noqa: PLR0913 - all but three are by keyword
    container: Container,
    name: str,
    parts: Mapping[str, str],
    *,
    formula: Formula,
    scaling: Scaling,
    fan_in_fan_out: bool = False,
) -> Entry:
    """Return the entry of a module.

    Parameters
    ----------
    container : Container
        The file.
    name : str
        The module.
    parts : mapping of str to str
        Part → key of its tensors.
    formula, scaling
        How ΔW follows from them.
    fan_in_fan_out : bool
        As in :class:`Entry`.

    Raises
    ------
    SourceError
        A tensor is not of floating-point numbers or is empty.
    """
    stored = {part: container.named[key] for part, key in parts.items()}
    for part in stored.values():
        _check(container, name, part)
    low = formula.factors is not None and formula.rank < min(formula.shape)
    shape = formula.shape[::-1] if fan_in_fan_out else formula.shape
    dtypes = dict.fromkeys(s.info.dtype for s in stored.values())
    return Entry(
        name=name,
        kind="pair" if low else "update",
        shape=shape,
        dtype=", ".join(dtypes),
        nbytes=sum(s.info.nbytes for s in stored.values()),
        keys=tuple(parts.values()),
        reader=partial(
            _read, partial(_arrays, container, name, stored), formula, scaling.scale, fan_in_fan_out
        ),
        rank=min(formula.rank, *shape),
        scale=scaling.scale,
        lora_alpha=scaling.alpha,
        kernel=formula.kernel,
        fan_in_fan_out=fan_in_fan_out,
    )


def _check(container: Container, name: str, stored: Stored) -> None:
    info = stored.info
    if not info.dtype.startswith(("float", "bfloat")):
        raise SourceError(
            container.path, f"{name!r}: {info.name!r} has dtype {info.dtype}, not of floating point"
        )
    if math.prod(info.shape) == 0:
        raise SourceError(
            container.path, f"{name!r}: {info.name!r} is empty: its shape is {info.shape}"
        )


def _arrays(container: Container, name: str, stored: Mapping[str, Stored]) -> Arrays:
    """Read the parts in float64, every entry finite."""
    arrays = {part: s.read().astype(np.float64) for part, s in stored.items()}
    for part, array in arrays.items():
        if not np.isfinite(array).all():
            raise SourceError(
                container.path,
                f"pair {name!r} ({stored[part].info.name}): every entry must be finite",
            )
    return arrays


def _read(
    arrays_of: Callable[[], Arrays], formula: Formula, scale: float, turned: bool
) -> LowRank | np.ndarray:
    arrays = arrays_of()
    if formula.factors is not None and formula.rank < min(formula.shape):
        B, A = formula.factors(arrays)
        return LowRank(A.T, B.T, scale) if turned else LowRank(B, A, scale)
    dense = scale * formula.dense(arrays)
    return dense.T if turned else dense


def modules_of(
    container: Container, parts: Sequence[str], pattern: str
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return {module: {part: key}} and the other keys.

    ``pattern`` is a regular expression with a ``{}`` where the parts stand; its group "module" is
    the module, its group "part" the part.
    """
    compiled = re.compile(pattern.replace("{}", f"(?P<part>{'|'.join(parts)})"))
    modules: dict[str, dict[str, str]] = {}
    rest = []
    for key in container.named:
        match = compiled.fullmatch(key)
        if match is None:
            rest.append(key)
            continue
        modules.setdefault(match["module"], {})[match["part"]] = key
    return modules, rest
