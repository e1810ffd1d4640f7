"""One matrix: its curve, its factors, its rules.

In: a matrix or a spectrum.
Out: `RankExplorer`, `LoraExplorer`, `FactorizationPlot`.
May import: `views.heatmaps`, `views.shared`.
"""
