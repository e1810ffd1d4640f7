"""Work that takes a while.

In: what is to be computed.
Out: progress, and results that grow.
May import: `training`, `ranks`, `engine` and below.
"""
