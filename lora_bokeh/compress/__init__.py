"""Smaller adapters, and adapters of two checkpoints.

In: a source and the choice of ranks.
Out: an adapter on disk, and a report of what became of each matrix.
May import: `loading`, `adapters`, `ranks`, `jobs` and below.
"""
