"""A matrix as a picture.

In: a matrix or a pair.
Out: means of blocks, and the figures that show them.
May import: `views.shared`.
"""
