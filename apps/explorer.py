"""The explorer on its gallery: ``panel serve apps/explorer.py``."""

import panel as pn

from lora_bokeh.hosts.template import page
from lora_bokeh.views.explorer.view import LoraExplorer

pn.extension()
page(LoraExplorer()).servable()
