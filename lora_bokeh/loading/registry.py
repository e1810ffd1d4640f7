"""The formats by what they are tried in: the first that finds a pair of its own has the file."""

from __future__ import annotations

from lora_bokeh.adapters import (
    cloneofsimo,
    diffusers,
    kohya,
    lycoris,
    mlx,
    other_methods,
    patterns,
    peft,
)
from lora_bokeh.formats.source import Source
from lora_bokeh.formats.tensors import Container
from lora_bokeh.loading import checkpoint

# PEFT first, whose configuration decides; then from the surest keys to the loosest; what is left
# of adapters is refused.
ADAPTERS = (peft, kohya, cloneofsimo, diffusers, mlx, lycoris, patterns, other_methods)


def understood(container: Container) -> Source:
    """Return the adapter in a file, or the plain matrices if there is no pair in it."""
    for format_ in ADAPTERS:
        source = format_.read(container)
        if source is not None:
            return source
    other_methods.refuse_rest(container)
    return checkpoint.read(container)
