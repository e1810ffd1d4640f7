"""The door to files.

In: a path, or two of a difference.
Out: a source: a list of matrices to look at.
May import: `adapters`, `formats`, `engine` and below.
"""
