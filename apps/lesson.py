"""The lesson: ``panel serve apps/lesson.py``."""

import panel as pn

from lora_bokeh.hosts.template import page
from lora_bokeh.lesson.view import TITLE, Lesson

pn.extension()
page(Lesson(), TITLE).servable()
