"""W′ = W + s·B·A and the forward pass: ``panel serve apps/merge.py``."""

import panel as pn

from lora_bokeh.merge import MergeExplorer
from lora_bokeh.page import page

pn.extension()
page(MergeExplorer(), "W′ = W + s·B·A").servable()
