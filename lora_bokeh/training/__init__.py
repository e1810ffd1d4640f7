"""Gradient descent on B and A.

In: a target matrix and the settings of a run.
Out: losses against the floor of the rank, and the factors.
May import: `engine`, `models` and below.
"""
