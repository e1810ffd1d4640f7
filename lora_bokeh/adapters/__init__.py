"""LoRA adapters of every program, read and written.

In: the tensors of a file.
Out: pairs B, A with their scale; adapters on disk.
May import: `formats`, `engine` and below.
"""
