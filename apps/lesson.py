"""The lesson: ``panel serve apps/lesson.py``."""

import panel as pn

from lora_bokeh.lesson.view import TITLE, Lesson
from lora_bokeh.page import page

pn.extension()
page(Lesson(), TITLE).servable()
