"""A file of many matrices.

In: a source.
Out: `AdapterExplorer`: list, map and plan around the explorer.
May import: `views.explorer` and what it may import.
"""
