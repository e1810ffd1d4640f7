"""diffusers: three generations of keys, and since 0.35 PEFT's configuration in the metadata.

Old ``unet.….processor.to_q_lora.down.weight``, middle ``….to_q.lora.down.weight`` and
``….q_proj.lora_linear_layer.down.weight``, new ``….to_q.lora_A.weight``. Source:
huggingface/diffusers ``utils/state_dict_utils.py``, ``loaders/lora_base.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lora_bokeh.adapters import factor_keys, pairing
from lora_bokeh.adapters.peft_config import LoraConfig
from lora_bokeh.formats.jsons import parse_object
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.tensors import Container

METADATA = "lora_adapter_metadata"
PATTERNS = (
    ("A", r"(.+?)(?:\.processor)?(\.(?:to|add)_[a-z_]+)_lora\.down\.weight"),
    ("B", r"(.+?)(?:\.processor)?(\.(?:to|add)_[a-z_]+)_lora\.up\.weight"),
    ("A", r"(.+)\.lora(?:_linear_layer)?\.down\.weight"),
    ("B", r"(.+)\.lora(?:_linear_layer)?\.up\.weight"),
    ("A", r"(.+)\.lora_A(?:\.default)?\.weight"),
    ("B", r"(.+)\.lora_B(?:\.default)?\.weight"),
    ("alpha", r"(.+?)(?:\.lora)?\.alpha"),
)


def read(container: Container) -> Source | None:
    """Return the adapter; None if the keys are not those of diffusers."""
    keys = factor_keys.gather(container, PATTERNS)
    if not keys.modules:
        return None
    config = _config(container)
    pairs = pairing.each(
        keys.modules,
        lambda name, parts: pairing.pair(
            container, name, parts, scaling=_scaling(container, config, name, parts)
        ),
    )
    return pairing.adapter(
        container,
        pairs,
        name="diffusers",
        rest=keys.rest,
        alone=keys.alone,
        config=config or container.metadata,
    )


def _config(container: Container) -> dict[str, Any]:
    if METADATA not in container.metadata:
        return {}
    return parse_object(container.path, container.metadata[METADATA], f"its {METADATA}")


def _scaling(
    container: Container, config: Mapping[str, Any], name: str, parts: factor_keys.Parts
) -> Callable[[int], pairing.Scaling]:
    """Return the rule for a module: its own alpha, else the configuration of its component."""
    component, _, module = name.partition(".")
    own = {key.removeprefix(f"{component}."): value for key, value in config.items()
           if key.startswith(f"{component}.")}  # fmt: skip
    if "alpha" not in parts and (own or "lora_alpha" in config):
        return partial(LoraConfig(container.path, own or config).scaling, module if own else name)
    return partial(pairing.stored_scaling, container, parts)
