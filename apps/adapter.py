"""A place to drop an adapter on: ``panel serve apps/adapter.py``, or with ``--args FILE``."""

import sys

import panel as pn

from lora_bokeh.hosts.template import page
from lora_bokeh.views.for_file import view_of
from lora_bokeh.views.workbench import Workbench

pn.extension("filedropper")
page(Workbench(view_of(sys.argv[1]) if len(sys.argv) > 1 else None)).servable()
