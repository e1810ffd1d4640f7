"""Files as tensors, and tensors as files.

In: the path of a file or folder, which may be a stranger's.
Out: named tensors whose entries are read later; sources and their entries.
May import: `engine` and below.
"""
