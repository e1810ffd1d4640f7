"""MLX: ``adapters.safetensors``, whose ``lora_a`` is (in, r) and ``lora_b`` (r, out).

The scale stands in ``adapter_config.json`` as it is, ``lora_parameters.scale``. A switch layer has
the factors of all experts, ``lora_a`` (E, r, in) and ``lora_b`` (E, out, r). Source:
ml-explore/mlx-lm ``mlx_lm/tuner/lora.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from operator import itemgetter
from typing import Any

from lora_bokeh.adapters import factor_keys, pairing
from lora_bokeh.adapters.experts import sliced_pairs
from lora_bokeh.adapters.pairing import Pairs, Scaling
from lora_bokeh.adapters.peft_config import number
from lora_bokeh.formats.adapter_config import AdapterConfig, config_of
from lora_bokeh.formats.derived import piece, turned, with_tensors
from lora_bokeh.formats.source import Finding, Source
from lora_bokeh.formats.tensors import Container

PATTERNS = (("A", r"(.+)\.lora_a"), ("B", r"(.+)\.lora_b"))


def read(container: Container) -> Source | None:
    """Return the adapter; None if the keys are not MLX's."""
    keys = factor_keys.gather(container, PATTERNS)
    if not keys.modules:
        return None
    config = config_of(container)
    scale = _scale(config)
    scaling = lambda _: Scaling(scale or 1.0, scale)  # noqa: E731 - whatever the rank
    return pairing.adapter(
        container,
        _pairs(container, keys.modules, scaling),
        name="mlx",
        rest=keys.rest,
        alone=keys.alone,
        config=config.values if config else container.metadata,
        findings=() if scale is not None else (_unknown(keys.modules),),
    )


def _scale(config: AdapterConfig | None) -> float | None:
    """Return the scale that the configuration states, None if it states none."""
    if config is None:
        return None
    parameters = config.values.get("lora_parameters", config.values)
    if not isinstance(parameters, dict) or parameters.get("scale") is None:
        return None
    return number(config.path, "scale", parameters["scale"])


def _unknown(modules: Mapping[str, Any]) -> Finding:
    said = "no lora_parameters.scale is stored, so that the scale is unknown: it is taken to be 1"
    return Finding("scale unknown", tuple(modules), said)


def _pairs(
    container: Container, modules: Mapping[str, factor_keys.Parts], scaling: Any
) -> pairing.Pairs:
    dims = {name: len(container.named[parts["A"]].info.shape) for name, parts in modules.items()}
    linear = {name: parts for name, parts in modules.items() if dims[name] != 3}
    whole = with_tensors(
        container, (turned(container.named[k]) for p in linear.values() for k in p.values())
    ) if all(dims[name] == 2 for name in linear) else container  # fmt: skip
    pairs = pairing.each(linear, partial(_pair, whole, scaling))
    for name, parts in modules.items():
        if dims[name] == 3:
            pairs += _experts(container, name, parts, scaling)
    return pairs


def _pair(whole: Container, scaling: Any, name: str, parts: factor_keys.Parts) -> Any:
    return pairing.pair(whole, name, parts, scaling=scaling)


def _experts(container: Container, name: str, parts: factor_keys.Parts, scaling: Any) -> Pairs:
    A, B = (container.named[parts[part]] for part in "AB")
    slices = {
        f"{name}.{e}": {
            part: piece(s, f"{s.info.name}[{e}]", s.info.shape[1:], itemgetter(e))
            for part, s in (("A", A), ("B", B))
        }
        for e in range(min(A.info.shape[0], B.info.shape[0]))
    }
    return sliced_pairs(container, slices, scaling, tuple(parts.values()))
