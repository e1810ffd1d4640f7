"""PEFT's format: ``adapter_model.safetensors`` and ``adapter_config.json`` in a folder.

The names and the meaning of each field are those of PEFT's ``LoraConfig``
(https://huggingface.co/docs/peft/package_reference/lora).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.adapters.peft_config import first_match, key_pattern
from lora_bokeh.formats.write_safetensors import NewTensor

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."  # PeftModel.base_model is a LoraModel, whose model is the user's
METADATA = {"format": "pt"}  # without it transformers refuses the file

# What makes ΔW something else than scale · B·A of one matrix, or the base weights depend on r.
OTHER_UPDATES = (
    "use_qalora",
    "use_bdlora",
    "kasa_config",
    "monteclora_config",
    "target_parameters",
)
PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal", "mica", "true", "false")
# Fields that mean the same for every method: what is kept where ΔW was not that of LoRA.
COMMON = {
    *("base_model_name_or_path", "revision", "task_type", "auto_mapping", "target_modules"),
    *("exclude_modules", "modules_to_save", "layers_to_transform", "layers_pattern"),
    "fan_in_fan_out",
}


def module_key(module: str) -> str:
    """Return what the names of a module's tensors start with in the file."""
    return PREFIX + module


def peft_tensors(pairs: Sequence[NewPair], dtype: str) -> list[NewTensor]:
    """Return ``lora_B`` and ``lora_A`` of each pair; an embedding's have names of their own."""
    tensors = []
    for pair in pairs:
        B, A = (
            ("lora_embedding_B", "lora_embedding_A")
            if pair.embedding
            else ("lora_B.weight", "lora_A.weight")
        )
        key = module_key(pair.name)
        tensors += pair.tensors(f"{key}.{B}", f"{key}.{A}", dtype)
    return tensors


def check_plain(config: Mapping[str, Any]) -> None:
    """Refuse an adapter whose pairs may not be cut one by one.

    Raises
    ------
    ValueError
        Its ΔW is not the pairs' alone, or its base weights were changed to fit the first pairs.
    """
    other = [key for key in OTHER_UPDATES if config.get(key)]
    if other:
        raise ValueError(
            f"its config sets {other[0]}, so that ΔW is not scale·B·A of one matrix; "
            "merge it into the base and extract an adapter from the two instead"
        )
    start = config.get("init_lora_weights")
    if start not in PLAIN_STARTS:
        raise ValueError(
            f"its config says init_lora_weights {start!r}: PEFT then takes away from the base "
            "what the pairs of that rank began with, and smaller pairs would not fit; save it as "
            "plain LoRA first (save_pretrained with path_initial_model_for_weight_conversion)"
        )


def peft_config(source: Mapping[str, Any], pairs: Sequence[NewPair], names: bool) -> dict[str, Any]:
    """Return the config of an adapter with these pairs.

    Parameters
    ----------
    source : mapping
        Fields to keep: the config that was read, or what is known of a new one.
    pairs : sequence of NewPair
        At least one. Ranks, and alphas equal to them, follow from these.
    names : bool
        Whether ``target_modules`` are to be these pairs' modules, by name.

    Returns
    -------
    dict
        Ready for JSON. ``r`` is the commonest rank, ``rank_pattern`` has the others.
    """
    ranks = {pair.name: pair.rank for pair in pairs}
    r = Counter(ranks.values()).most_common(1)[0][0]
    pattern = rank_pattern(ranks, r)
    own = {
        "peft_type": "LORA",
        "r": r,
        "lora_alpha": r,
        "rank_pattern": pattern,
        "alpha_pattern": dict(pattern),
        "use_rslora": False,
        "init_lora_weights": True,
        "inference_mode": True,
    }
    if names:
        own |= {"target_modules": sorted(ranks), "exclude_modules": None}
        own |= {"layers_to_transform": None, "layers_pattern": None}
    blank = {"base_model_name_or_path": None, "task_type": None, "bias": "none",
             "fan_in_fan_out": False, "lora_dropout": 0.0, "modules_to_save": None}  # fmt: skip
    plain = str(source.get("peft_type") or "LORA").upper() == "LORA"
    kept = dict(source) if plain else {k: v for k, v in source.items() if k in COMMON}
    return blank | kept | own


def rank_pattern(ranks: Mapping[str, int], r: int) -> dict[str, int]:
    """Return the shortest list from which PEFT reads these ranks, where r is the default.

    PEFT takes the first key that is the end of a module's name, from a dot on. A longer name can
    not be the end of a shorter one: it goes first, and a module of rank r whose name ends in
    another's gets a key of its own. Keys are patterns; names are written as they are unless some
    module would then find the wrong one.
    """
    for written in (_as_it_is, re.escape):
        pattern: dict[str, int] = {}
        compiled: list[tuple[re.Pattern[str], int]] = []
        for name in sorted(ranks, key=len):
            if first_match(compiled, name, r) != ranks[name]:
                pattern = {written(name): ranks[name], **pattern}
                compiled.insert(0, (key_pattern(written(name)), ranks[name]))
        if all(first_match(compiled, name, r) == rank for name, rank in ranks.items()):
            break
    return pattern


def _as_it_is(name: str) -> str:
    return name if re.fullmatch(r"[\w.:/-]*", name) else re.escape(name)
