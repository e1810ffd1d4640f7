"""PEFT: ``adapter_model.safetensors`` with its ``adapter_config.json``, which holds the scale.

Keys ``base_model.model.MODULE.lora_A.weight`` (r×in) and ``.lora_B.weight`` (out×r), perhaps with
the adapter's name before ``weight``; embeddings ``.lora_embedding_A`` (r×entries) and ``_B``
(dimensions×r). Source: huggingface/peft ``src/peft/utils/save_and_load.py`` and
``src/peft/tuners/lora/layer.py`` (``get_delta_weight``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from lora_bokeh.adapters import factor_keys, kasa, pairing, peft_updates
from lora_bokeh.adapters.experts import expert_pairs
from lora_bokeh.adapters.pairing import Scaling
from lora_bokeh.adapters.peft_config import LoraConfig
from lora_bokeh.formats.adapter_config import CONFIG, PREFIX, AdapterConfig, config_of
from lora_bokeh.formats.module_names import live_name
from lora_bokeh.formats.source import Entry, Finding, Source
from lora_bokeh.formats.tensors import Container, SourceError
from lora_bokeh.text import listing

NAME = r"(?:\.(?P<adapter>(?!weight\b)[^.]+))?"  # of the adapter, which PEFT takes out on saving
PATTERNS = (("A", rf"(.+)\.lora_A{NAME}\.weight"), ("B", rf"(.+)\.lora_B{NAME}\.weight"))
EMBEDDINGS = (("A", rf"(.+)\.lora_embedding_A{NAME}"), ("B", rf"(.+)\.lora_embedding_B{NAME}"))
SAVED = re.compile(r"\.modules_to_save(\.[^.]+)?$")  # of a module that is trained whole as well
ORIGINAL = ".original_module"  # what it was before: PEFT never loads it
# Starts of init_lora_weights for which PEFT changes the base: ΔW adds to what is left of it.
RESIDUAL_STARTS = ("pissa", "olora", "corda", "loftq", "lora_ga")
STARTS = {"mica": "MiCA: B was frozen at the base's last left singular vectors, and A alone learnt"}


def read(container: Container) -> Source | None:
    """Return the adapter; None if the keys are not PEFT's.

    Raises
    ------
    SourceError
        The configuration is of a method that is not read, or what it says does not fit the file.
    """
    config = config_of(container)
    if config and not config.of_mlx and config.method != "LORA":
        return peft_updates.read(container, config)
    keys = Gathered.of(container)
    if not keys.all:
        return None
    if config is None or config.of_mlx:
        return _without_config(container, keys)
    values = config.values
    lora = LoraConfig(config.path, values)
    return keys.source(
        kasa.with_diagonals(container, keys.linear.modules, values),
        lora.scaling,
        config=values,
        notes=_notes(values),
        modules_to_save=_modules_to_save(config),
        experts=lora.rank_of if values.get("target_parameters") else None,
    )


class Gathered(NamedTuple):
    """The keys of a file, sorted: linear modules and embeddings."""

    linear: factor_keys.Keys
    embeddings: factor_keys.Keys

    @classmethod
    def of(cls, container: Container) -> Gathered:
        """Sort the keys."""
        return cls(
            factor_keys.gather(container, PATTERNS), factor_keys.gather(container, EMBEDDINGS)
        )

    @property
    def modules(self) -> dict[str, factor_keys.Parts]:
        """Both kinds of modules."""
        return {**self.linear.modules, **self.embeddings.modules}

    @property
    def all(self) -> list[str]:
        """The keys of all pairs."""
        return [key for parts in self.modules.values() for key in parts.values()]

    @property
    def rest(self) -> list[str]:
        """The keys of no pair."""
        embeddings = set(self.embeddings.rest)
        return [key for key in self.linear.rest if key in embeddings]

    def source(
        self,
        container: Container,
        scaling: Callable[[str, int], Scaling],
        *,
        experts: Callable[[str], int] | None = None,
        findings: tuple[Finding, ...] = (),
        **said: Any,
    ) -> Source:
        """Return the adapter, each module scaled by its name and rank."""
        copies = _copies(self.modules)
        fan = bool(said["config"].get("fan_in_fan_out"))
        linear = {k: p for k, p in self.linear.modules.items() if k not in copies}
        embedded = {k: p for k, p in self.embeddings.modules.items() if k not in copies}
        make = partial(_entry, container, scaling)
        if experts:
            pairs, linear = expert_pairs(container, linear, scaling, experts)
        else:
            pairs = pairing.Pairs([], {})
        pairs += pairing.each(linear, partial(make, fan_in_fan_out=fan))
        pairs += pairing.each(embedded, partial(make, fan_in_fan_out=True, embedding=True))
        found = (*findings, *pairing.dead_prefixes(_modules(self)), *_copies_finding(copies))
        left = [key for name in copies for key in self.modules[name].values()]
        return pairing.adapter(
            container,
            pairs,
            name="peft",
            rest=self.rest,
            copies=left,
            findings=found,
            alone=(*self.linear.alone, *self.embeddings.alone),
            **said,
        )


def _modules(keys: Gathered) -> list[str]:
    """Return the modules' names as their keys have them, without an adapter's name."""
    return [name.rpartition(factor_keys.ADAPTER_MARK)[2] for name in keys.modules]


def _entry(
    container: Container,
    scaling: Callable[[str, int], Scaling],
    key: str,
    parts: factor_keys.Parts,
    **how: bool,
) -> Entry:
    adapter, mark, own = key.rpartition(factor_keys.ADAPTER_MARK)
    module = live_name(SAVED.sub("", own))[0]
    entry = pairing.pair(
        container, adapter + mark + module, parts, scaling=partial(scaling, module), **how
    )
    diagonal = kasa.diagonal_of(container, key)
    return entry.with_keys(*entry.keys, *filter(None, (diagonal,)))


def _copies(modules: Mapping[str, factor_keys.Parts]) -> list[str]:
    """Return the modules of which another copy counts, or none does."""
    return [
        name
        for name in modules
        if name.endswith(ORIGINAL) or (SAVED.search(name) and SAVED.sub("", name) in modules)
    ]


def _copies_finding(copies: list[str]) -> list[Finding]:
    if not copies:
        return []
    said = f"copies of pairs under modules_to_save or original_module left out: {listing(copies)}"
    return [Finding("copies", tuple(copies), said)]


def _without_config(container: Container, keys: Gathered) -> Source | None:
    """Read what PEFT saved without its scale, which has to be stated; of other programs' it is 1.

    fal's trainers and others write PEFT's keys without a configuration; who loads such a file
    takes alpha to be r. Keys without PEFT's prefix are left to diffusers.
    """
    path = container.path.parent / CONFIG
    if path.is_symlink():
        raise SourceError(path, "a broken symbolic link")
    if not any(key.startswith(PREFIX) or ".lora_embedding_" in key for key in keys.all):
        return None
    if container.path.stem.startswith("adapter_model"):
        kind, said = (
            "scale missing",
            f"there is no {CONFIG} beside it, and it holds the r and lora_alpha of this PEFT "
            "adapter; put it next to the .safetensors file, or state --alpha",
        )
    else:
        kind, said = (
            "scale unknown",
            f"there is no {CONFIG}, so that the scale is unknown: it is taken to be 1 (alpha = r), "
            "as programs do that load such a file; --alpha states another",
        )
    scaling = lambda _, __: Scaling(1.0, None)  # noqa: E731 - of every module
    return keys.source(
        container,
        scaling,
        config=container.metadata,
        findings=(Finding(kind, tuple(keys.modules), said),),
    )


def _modules_to_save(config: AdapterConfig) -> list[str]:
    modules = config.values.get("modules_to_save") or []
    if not isinstance(modules, list) or not all(isinstance(module, str) for module in modules):
        raise SourceError(config.path, f"modules_to_save is {modules!r:.40}, not a list of names")
    return modules


def _notes(config: Mapping[str, Any]) -> list[str]:
    """Say what the configuration changes about the meaning of ΔW."""
    notes = []
    if config.get("use_rslora"):
        notes.append("rsLoRA: the scale is alpha/√r")
    if config.get("use_dora"):
        notes.append("DoRA: the magnitudes also rescale the columns; ΔW is s·B·A alone")
    if config.get("kasa_config"):
        notes.append(
            "KaSA: ΔW is s·B·diag(d)·A and adds to a base whose r smallest singular values PEFT "
            "took away at the start"
        )
    if config.get("fan_in_fan_out"):
        notes.append("fan_in_fan_out: ΔW is (in, out), as the base stores its weights")
    start = str(config.get("init_lora_weights", "")).lower()
    if start.startswith(RESIDUAL_STARTS):
        notes.append(f"init_lora_weights is {start!r:.40}: ΔW adds to a base changed at the start")
    if start in STARTS:
        notes.append(STARTS[start])
    return notes
