"""What stands beside the pairs of an adapter, and goes along when they are cut."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from lora_bokeh.adapters.health import NON_FINITE
from lora_bokeh.adapters.new_pair import cast
from lora_bokeh.adapters.pairing import BROKEN, COPIES, UNPAIRED
from lora_bokeh.adapters.write_peft import PREFIX
from lora_bokeh.formats.module_names import live_name
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.tensors import Stored
from lora_bokeh.formats.write_safetensors import NewTensor
from lora_bokeh.text import count, listing

SCALED_BIAS = r"\.lora_B\.(default\.)?bias$"
LEFT_OUT = (UNPAIRED, BROKEN, COPIES, NON_FINITE)  # what is no sound pair does not go along
OWN_TENSORS = rf"\.(lora_magnitude_vector(\.\w+)*|dora_scale)$|{SCALED_BIAS}"


def carried_over(source: Source, form: str) -> tuple[list[NewTensor], list[str]]:
    """Return the tensors that go along as they are, and notes on what does not."""
    notes = []
    keys = {key for entry in source.entries for key in entry.keys}
    keys |= {key for kind in LEFT_OUT for key in source.leftovers.get(kind, ())}
    rest = {name: stored for name, stored in source.tensors.items() if name not in keys}
    if form == "peft" and source.format != "peft":
        notes.append(
            f"modules are named as in the source ({source.entries[0].name!r}); PEFT finds a module "
            "by its path in the model"
        )
    if form != source.format:
        if rest:
            notes.append(
                f"{count(len(rest), 'tensor')} of {source.format} left out: {listing(list(rest))}"
            )
        return [], notes
    scales = {f"{PREFIX}{entry.name}": entry.scale for entry in source.entries}
    return [_copied(_live_key(key), stored, scales) for key, stored in rest.items()], notes


def _live_key(key: str) -> str:
    """Return a key without what would make it dead in PEFT."""
    name, dead = live_name(key)
    return PREFIX + name if dead else key


def _copied(key: str, stored: Stored, scales: Mapping[str, float]) -> NewTensor:
    """Return a tensor to be written as it is; PEFT multiplies the bias of lora_B by the scale."""
    shape, dtype, read = stored.info.shape, stored.info.dtype, stored.read
    scale = scales.get(re.sub(SCALED_BIAS, "", key), 1.0)
    if not re.search(SCALED_BIAS, key) or scale == 1:
        return NewTensor(key, shape, dtype, read)
    return NewTensor(key, shape, dtype, lambda: cast(read().astype(np.float64) * scale, dtype, key))


def with_company(source: Source) -> set[str]:
    """Return the modules of which more is stored than their pair: it would lose its meaning."""
    names = (
        re.sub(OWN_TENSORS, "", name) for name in source.tensors if re.search(OWN_TENSORS, name)
    )
    return {live_name(name)[0] for name in names}
