"""W + s·B·A, merged and unmerged.

In: a frozen matrix and an adapter.
Out: `MergeExplorer`.
May import: `views.heatmaps`, `views.shared`.
"""
