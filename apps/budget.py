"""What LoRA trains of well-known models: ``panel serve apps/budget.py``."""

import panel as pn

from lora_bokeh.hosts.template import page
from lora_bokeh.views.budget.view import BudgetExplorer

pn.extension()
page(BudgetExplorer(), title="Parameter budget").servable()
