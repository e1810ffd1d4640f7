"""Gradient descent against the Eckart–Young floor: ``panel serve apps/training.py``."""

import panel as pn

from lora_bokeh.hosts.template import page
from lora_bokeh.views.training.view import TrainingExplorer

pn.extension()
page(TrainingExplorer(), "Training against the floor").servable()
