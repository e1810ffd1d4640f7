"""The explorer on its gallery: ``panel serve apps/explorer.py``."""

import panel as pn

from lora_bokeh.explorer import LoraExplorer
from lora_bokeh.page import page

pn.extension()
page(LoraExplorer()).servable()
