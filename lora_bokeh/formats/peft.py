"""PEFT: ``adapter_model.safetensors`` with its ``adapter_config.json``, which holds the scale.

Keys ``base_model.model.MODULE.lora_A.weight`` (r×in) and ``.lora_B.weight`` (out×r); embeddings
``.lora_embedding_A`` (r×entries) and ``_B`` (dimensions×r). Source: huggingface/peft
``src/peft/utils/save_and_load.py`` and ``src/peft/tuners/lora/layer.py`` (``get_delta_weight``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lora_bokeh.formats import pairing
from lora_bokeh.formats.config import LoraConfig
from lora_bokeh.formats.folder import inside
from lora_bokeh.formats.jsons import read_object
from lora_bokeh.formats.source import Entry, Source
from lora_bokeh.formats.stored import Container, SourceError

CONFIG = "adapter_config.json"
PREFIX = "base_model.model."
PATTERNS = (  # "default" is the adapter's name, which PEFT takes out of what it saves
    ("A", r"(.+)\.lora_A(?:\.default)?\.weight"),
    ("B", r"(.+)\.lora_B(?:\.default)?\.weight"),
)
EMBEDDINGS = (
    ("A", r"(.+)\.lora_embedding_A(?:\.default)?"),
    ("B", r"(.+)\.lora_embedding_B(?:\.default)?"),
)
# Starts of init_lora_weights for which PEFT changes the base: ΔW adds to what is left of it.
RESIDUAL_STARTS = ("pissa", "olora", "corda", "loftq")


def read(container: Container) -> Source | None:
    """Return the adapter; None if the keys are not PEFT's."""
    linear = pairing.gather(container, PATTERNS)
    embeddings = pairing.gather(container, EMBEDDINGS)
    keys = [key for parts in (*linear.modules.values(), *embeddings.modules.values())
            for key in parts.values()]  # fmt: skip
    if not keys:
        return None
    path = container.path.parent / CONFIG
    if not path.exists():
        _refuse_without_config(path, keys)
        return None
    config = _config(path)
    fan = bool(config.get("fan_in_fan_out"))
    make = partial(_entry, container, LoraConfig(path, config))
    entries = [make(name, parts, fan_in_fan_out=fan) for name, parts in linear.modules.items()]
    entries += [
        make(name, parts, fan_in_fan_out=True, embedding=True)
        for name, parts in embeddings.modules.items()
    ]
    return pairing.adapter(
        container,
        entries,
        name="peft",
        rest=[key for key in linear.rest if key in set(embeddings.rest)],
        config=config,
        notes=_notes(config),
        modules_to_save=_modules_to_save(path, config),
    )


def _entry(
    container: Container, config: LoraConfig, name: str, parts: pairing.Parts, **how: bool
) -> Entry:
    module = name.removeprefix(PREFIX)
    scaling = partial(config.scaling, module)
    return pairing.pair(container, module, parts, scaling=scaling, **how)


def _refuse_without_config(path: Path, keys: list[str]) -> None:
    """Refuse what PEFT wrote if its scale is lost; others use the suffixes without a config."""
    if path.is_symlink():
        raise SourceError(path, "a symbolic link that leads nowhere")
    if any(key.startswith(PREFIX) or ".lora_embedding_" in key for key in keys):
        raise SourceError(
            path,
            "no such file, and it holds the r and lora_alpha of this PEFT adapter; put it beside "
            "the tensors",
        )


def _config(path: Path) -> Mapping[str, Any]:
    config = read_object(inside(path.parent, path.name))
    kind = config.get("peft_type", "LORA")
    if kind != "LORA":
        raise SourceError(path, f"peft_type is {kind!r:.40}; of PEFT's methods LORA is read")
    return config


def _modules_to_save(path: Path, config: Mapping[str, Any]) -> list[str]:
    modules = config.get("modules_to_save") or []
    if not isinstance(modules, list) or not all(isinstance(module, str) for module in modules):
        raise SourceError(path, f"modules_to_save is {modules!r:.40}, not a list of names")
    return modules


def _notes(config: Mapping[str, Any]) -> list[str]:
    """Say what the configuration changes about the meaning of ΔW."""
    notes = []
    if config.get("use_rslora"):
        notes.append("rsLoRA: the scale is alpha/√r")
    if config.get("use_dora"):
        notes.append("DoRA: the magnitudes also rescale the columns; ΔW is s·B·A alone")
    if config.get("fan_in_fan_out"):
        notes.append("fan_in_fan_out: ΔW is (in, out), as the base stores its weights")
    start = str(config.get("init_lora_weights", "")).lower()
    if start.startswith(RESIDUAL_STARTS):
        notes.append(f"init_lora_weights is {start!r:.40}: ΔW adds to a base changed at the start")
    return notes
