"""``model.safetensors.index.json``: one checkpoint in several ``.safetensors`` files beside it."""

from __future__ import annotations

from pathlib import Path

from lora_bokeh.formats import safetensors
from lora_bokeh.formats.folder import inside
from lora_bokeh.formats.jsons import read_object
from lora_bokeh.formats.tensors import SourceError, Stored
from lora_bokeh.text import listing


def contents(path: Path) -> tuple[list[Stored], dict[str, str]]:
    """Return the tensors the index lists, in the order of their names; only headers are read."""
    shard_of = _weight_map(path)
    shards = {name: _shard(path, name) for name in sorted(set(shard_of.values()))}
    missing = [key for key, name in shard_of.items() if key not in shards[name]]
    if missing:
        where = sorted({shard_of[key] for key in missing})
        raise SourceError(
            path, f"it promises tensors that {listing(where)} lacks: {listing(sorted(missing))}"
        )
    return [shards[shard_of[key]][key] for key in sorted(shard_of)], {}


def _weight_map(path: Path) -> dict[str, str]:
    """Return {tensor: shard}, checked."""
    shard_of = read_object(path).get("weight_map")
    if not isinstance(shard_of, dict) or not shard_of:
        raise SourceError(path, "it has no weight_map of tensor names to shard files")
    for key, name in shard_of.items():
        if not isinstance(name, str):
            raise SourceError(path, f"the shard of {key!r} is {name!r:.40}, not a file name")
    return shard_of


def _shard(path: Path, name: str) -> dict[str | None, Stored]:
    file = inside(path.parent, name)
    if not file.is_file():
        raise SourceError(path, f"its shard {name!r} is not there")
    if file.suffix.lower() != ".safetensors":
        raise SourceError(path, f"its shard {name!r} is not a .safetensors file")
    return {stored.info.name: stored for stored in safetensors.tensors(file)}
