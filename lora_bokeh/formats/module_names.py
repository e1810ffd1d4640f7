"""Names of modules without the wrappers that training leaves in them.

``torch.compile``, DDP, FSDP and activation checkpointing each wrap a model in one more module, and
its name stays in the keys of what is saved then; PEFT's own prefix may come twice. A model that is
not wrapped has no module of such a name, so that PEFT loads nothing from such a key, and says so
only in a list of unexpected keys.
"""

from __future__ import annotations

import re

from lora_bokeh.formats.adapter_config import PREFIX

# "module" is a wrapper only in front: a model may have a part of that name.
INSIDE = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
WRAPPED = re.compile(rf"(?:(?<=^)|(?<=\.))(?:{'|'.join(INSIDE)})\.")
PARALLEL = "module."
ANY_WRAPPER = re.compile(rf"^(?:module\.)+|{WRAPPED.pattern}|(?<=\.)base_layer\.")


def unwrapped(name: str) -> str:
    """Return the name of a tensor of a checkpoint without wrappers."""
    while (shorter := ANY_WRAPPER.sub("", name)) != name:
        name = shorter
    return name


def wrappers(name: str) -> list[str]:
    """Return the wrappers in a name, each once."""
    return list(dict.fromkeys(ANY_WRAPPER.findall(name)))


def live_name(key: str) -> tuple[str, str]:
    """Return a module's name, and what makes its key dead in PEFT, empty if nothing does.

    Parameters
    ----------
    key : str
        What a tensor's key starts with, ``base_model.model.`` included.
    """
    name = WRAPPED.sub("", key)
    while name.startswith(PREFIX) or (name.startswith(PARALLEL) and PREFIX in name):
        name = name.removeprefix(PREFIX if name.startswith(PREFIX) else PARALLEL)
    if key in (name, PREFIX + name):
        return name, ""
    return name, key.removesuffix(name) if key.endswith(name) else "".join(WRAPPED.findall(key))
