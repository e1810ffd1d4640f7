"""The training page.

In: a target and the settings of a run.
Out: `TrainingExplorer`.
May import: `views.heatmaps`, `views.shared`.
"""
