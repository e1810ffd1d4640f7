"""W′ = W + s·B·A and the forward pass: ``panel serve apps/merge.py``."""

import panel as pn

from lora_bokeh.hosts.template import page
from lora_bokeh.views.merge.view import MergeExplorer

pn.extension()
page(MergeExplorer(), "W′ = W + s·B·A").servable()
