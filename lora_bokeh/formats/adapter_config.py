"""``adapter_config.json`` beside the tensors: which program's it is, and which method it states.

The configuration decides before any key is looked at, so that the tensors of one method cannot
pass for another's, or for a checkpoint of matrices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lora_bokeh.formats.folder import inside
from lora_bokeh.formats.jsons import read_object
from lora_bokeh.formats.tensors import Container, SourceError

CONFIG = "adapter_config.json"
PREFIX = "base_model.model."  # PeftModel.base_model is a tuner, whose model is the user's
WEIGHTS = re.compile(r"(adapter_model|adapters?|adapter_\d+)([.-].*)?")  # PEFT, MLX, torchtune
ADAPTER_KEY = re.compile(r"^base_model\.|lora|hada_|lokr_|prompt_embeddings|adapter_name", re.I)


class AdapterConfig(NamedTuple):
    """A configuration that belongs to a file.

    Attributes
    ----------
    path : Path
        Where it was read, for messages.
    values : mapping
        Its content.
    """

    path: Path
    values: Mapping[str, Any]

    @property
    def of_mlx(self) -> bool:
        """Whether MLX wrote it, whose scale stands there as it is."""
        return "peft_type" not in self.values and bool(
            {"lora_parameters", "fine_tune_type"} & self.values.keys()
        )

    @property
    def method(self) -> str:
        """PEFT's name of the method, in capitals; a configuration without one is of LoRA."""
        method = self.values.get("peft_type") or "LORA"
        if not isinstance(method, str):
            raise SourceError(self.path, f"peft_type is {method!r:.40}, not a name")
        return method.upper()


def config_of(container: Container) -> AdapterConfig | None:
    """Return the configuration beside a file of an adapter; None for other files.

    A merged checkpoint may lie in the same folder: a file is an adapter's if it is named so, or
    one of its keys is.
    """
    path = container.path.parent / CONFIG
    if container.kind != "safetensors" or not (path.exists() or path.is_symlink()):
        return None
    named = WEIGHTS.fullmatch(container.path.stem)
    if not named and not any(ADAPTER_KEY.search(key) for key in container.named):
        return None
    if not path.exists():
        raise SourceError(path, "a broken symbolic link")
    return AdapterConfig(path, read_object(inside(path.parent, path.name)))
