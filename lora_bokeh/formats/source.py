"""What a file means to a person: a list of matrices to look at, and what else was found in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.engine.rounding import RoundingError
from lora_bokeh.formats.tensors import Stored

Kind = Literal["pair", "update", "matrix", "difference"]


class Finding(NamedTuple):
    """Something about a file that is not as it should be, though the rest of it is sound.

    Attributes
    ----------
    kind : str
        "zero pairs", "non-finite pairs", "broken pairs", "unpaired keys", "dead prefixes",
        "copies", "scale unknown", "scale missing".
    names : tuple of str
        The modules or keys concerned, all of them.
    said : str
        The sentence for a person.
    """

    kind: str
    names: tuple[str, ...]
    said: str


class Coverage(NamedTuple):
    """How much of a tuned model has a counterpart in the base.

    Attributes
    ----------
    matched, of : int
        Matrices.
    matched_bytes, of_bytes : int
        Their bytes.
    of_entries : float
        The share of the entries of all, which no dtype and no quantisation weighs.
    """

    matched: int
    of: int
    matched_bytes: int
    of_bytes: int
    of_entries: float = 1.0

    @property
    def share(self) -> float:
        """The smaller of the shares of matrices and of entries."""
        return min(self.matched / self.of if self.of else 1.0, self.of_entries)

    def __str__(self) -> str:
        """Return the coverage as part of a sentence."""
        share = 100 * self.matched_bytes / self.of_bytes if self.of_bytes else 100.0
        return f"{self.matched} of {self.of} matrices matched ({share:.1f} % of the bytes)"


@dataclass(frozen=True, eq=False)
class Entry:
    """One matrix of a source; nothing of its entries is read before :meth:`read`.

    Attributes
    ----------
    name : str or None
        Name of the module (of a pair) or of the tensor; None where the file has no names.
    kind : {"pair", "update", "matrix", "difference"}
        Factors of ΔW; a dense ΔW of an adapter (LoKr of full rank); a stored matrix; tuned − base.
    shape : tuple of int
        (m, n) of the matrix; convolution kernels (out, in, kh, kw) are seen as (out, in·kh·kw).
    dtype : str
        As stored.
    nbytes : int
        Bytes stored for it: of both factors for a pair, of the tuned tensor for a difference.
    keys : tuple of str
        Its tensors in the file; of a pair A (down) first, then B (up), then what else it has.
    rank : int or None
        Inner dimension r of a pair; of another update the largest rank its formula allows.
    scale : float
        s of ΔW = s·B·A, already applied by :meth:`read`.
    lora_alpha : float or None
        The alpha s was made from; None where none is stored.
    kernel : tuple of int or None
        (in, kh, kw) whose product is n, for a convolution.
    fan_in_fan_out : bool
        Whether ΔW = s·(B·A)ᵀ, as the base stores its weight the other way round: GPT-2's Conv1D,
        and embeddings, of shape (entries, dimensions).
    embedding : bool
        Whether it is an embedding's pair.
    layer : int or None
        Its layer, parsed from the name, for a table of layers and modules.
    module : str
        What it is within its layer, like "q_proj": the shortest end of the name that tells the
        source's modules apart.
    quantised : str
        How it, or one side of a difference, was quantised; empty if it was not.
    """

    name: str | None
    kind: Kind
    shape: tuple[int, int]
    dtype: str
    nbytes: int
    keys: tuple[str, ...]
    reader: Callable[[], LowRank | np.ndarray] = field(repr=False)
    rank: int | None = None
    scale: float = 1.0
    lora_alpha: float | None = None
    kernel: tuple[int, ...] | None = None
    fan_in_fan_out: bool = False
    embedding: bool = False
    layer: int | None = None
    module: str = ""
    quantised: str = ""
    rounding: Callable[[], RoundingError] | None = field(default=None, repr=False)

    def read(self) -> LowRank | np.ndarray:
        """Return the pair with its scale applied once, or the matrix of shape (m, n).

        ΔW is oriented as the weight it is added to is stored: (out, in), or (in, out) where
        ``fan_in_fan_out``.

        Raises
        ------
        SourceError
            A factor has an entry that is not finite.
        """
        return self.reader()

    def with_keys(self, *keys: str) -> Entry:
        """Return the entry with other keys: those of the file, where its tensors are derived."""
        return replace(self, keys=tuple(dict.fromkeys(keys)))

    def rounding_error(self) -> RoundingError | None:
        """Return what rounding in storage adds to a difference; None for other kinds.

        It reads both tensors once, in panels; see :mod:`lora_bokeh.engine.rounding`.
        """
        return self.rounding() if self.rounding else None


@dataclass(frozen=True, eq=False)
class Source:
    """A file, a folder or a pair of them, understood.

    Attributes
    ----------
    path : Path
        The file (of a folder: the one in it); of a difference the tuned one.
    format : str
        "peft", "kohya", "diffusers", "cloneofsimo", "pairs", "checkpoint" (safetensors),
        "difference", or "npy", "npz", "csv".
    entries : tuple of Entry
        The matrices one can look at, in the order of their names, numbers by value.
    notes : tuple of str
        What a person has to know, a sentence each.
    leftovers : dict of str to tuple of str
        Kind → names of the tensors that are none of the entries.
    config : dict
        ``adapter_config.json``, or the file's metadata.
    tensors : mapping of str to Stored
        Every tensor of the file, to be read as it is; under None where the file has no names.
    base : Source or None
        Of a difference what it starts from.
    findings : tuple of Finding
        The health report: what is not as it should be. Each is in ``notes``, too.
    coverage : Coverage or None
        Of a difference how much of the tuned model is in it.
    examined : bool
        Whether its pairs have been read once; see :mod:`lora_bokeh.adapters.health`.
    """

    path: Path
    format: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    leftovers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[Any, Stored] = field(default_factory=dict, repr=False)
    base: Source | None = field(default=None, repr=False)
    findings: tuple[Finding, ...] = ()
    coverage: Coverage | None = None
    examined: bool = False

    @property
    def is_adapter(self) -> bool:
        """Whether its entries are LoRA pairs, or other updates that an adapter makes."""
        return any(entry.kind in ("pair", "update") for entry in self.entries)
