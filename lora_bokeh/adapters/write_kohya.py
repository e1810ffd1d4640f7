"""kohya's format, which image tools read: ``lora_down``, ``lora_up`` and ``alpha``, one file.

A module's name is ``lora_unet_`` or ``lora_te_`` (``lora_te1_``, ``lora_te2_`` where a model has
two text encoders) and its path with underscores for dots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from lora_bokeh.adapters.new_pair import NewPair
from lora_bokeh.formats.write_safetensors import NewTensor

PREFIXES = {"unet.": "lora_unet_", "transformer.": "lora_transformer_"}
TEXT_ENCODERS = ("text_encoder.", "text_encoder_2.")
OWN = "lora_"  # what kohya's own names start with


def kohya_name(name: str, two_encoders: bool = False) -> str:
    """Return the name kohya gives a module, for instance ``lora_unet_mid_block_resnets_0_conv1``.

    Raises
    ------
    ValueError
        The module is in neither a UNet nor a text encoder, or has a number instead of a path.
    """
    if name.startswith(OWN):
        return name
    encoders = ("lora_te1_", "lora_te2_") if two_encoders else ("lora_te_", "lora_te2_")
    known = {**PREFIXES, **dict(zip(TEXT_ENCODERS, encoders, strict=True))}
    for prefix, written in known.items():
        path = name.removeprefix(prefix)
        if path != name and not path.isdigit():
            return written + path.replace(".", "_")
    raise ValueError(
        f"{name!r} has no name in kohya's format, which knows paths under unet and text_encoder; "
        "leave out --format kohya to write a PEFT folder"
    )


def kohya_tensors(pairs: Sequence[NewPair], dtype: str) -> list[NewTensor]:
    """Return ``lora_down``, ``lora_up`` and ``alpha`` of each pair; alpha = r, the scale is 1.

    Raises
    ------
    ValueError
        See :func:`kohya_name`; or two modules get one name.
    """
    two = any(pair.name.startswith(TEXT_ENCODERS[1]) for pair in pairs)
    names = [kohya_name(pair.name, two) for pair in pairs]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"two modules would both be named {twice[0]!r} in kohya's format")
    return [tensor for pair, name in zip(pairs, names, strict=True)
            for tensor in _three(pair, name, dtype)]  # fmt: skip


def _three(pair: NewPair, name: str, dtype: str) -> list[NewTensor]:
    alpha = NewTensor(f"{name}.alpha", (), dtype, lambda: np.array(float(pair.rank)))
    return [*pair.tensors(f"{name}.lora_up.weight", f"{name}.lora_down.weight", dtype), alpha]


def kohya_metadata(source: Mapping[str, str], pairs: Sequence[NewPair]) -> dict[str, str]:
    """Return the source's metadata, its network brought up to date.

    Hashes (``sshs_…``) are left out: they are of the file that was read. Ranks which differ are
    written as "Dynamic", as kohya's own tools do.
    """
    kept = {k: v for k, v in source.items() if k.startswith("ss_") or k.startswith("modelspec.")}
    ranks = {pair.rank for pair in pairs}
    rank = str(ranks.pop()) if len(ranks) == 1 else "Dynamic"
    network = kept.get("ss_network_module", "networks.lora")
    return kept | {"ss_network_module": network, "ss_network_dim": rank, "ss_network_alpha": rank}
