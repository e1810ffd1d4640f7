"""A place to drop an adapter on: ``panel serve apps/adapter.py``, or with ``--args FILE``."""

import sys

import panel as pn

from lora_bokeh.page import page
from lora_bokeh.views import view_of
from lora_bokeh.workbench import Workbench

pn.extension("filedropper")
page(Workbench(view_of(sys.argv[1]) if len(sys.argv) > 1 else None)).servable()
