"""Gradient descent against the Eckart–Young floor: ``panel serve apps/training.py``."""

import panel as pn

from lora_bokeh.page import page
from lora_bokeh.training_explorer import TrainingExplorer

pn.extension()
page(TrainingExplorer(), "Training against the floor").servable()
