"""Singular values of a matrix, with bounds on their errors.

In: a checked matrix or a LoRA pair.
Out: singular values and vectors, spectra, residuals.
May import: `lora`, `checks`, `text`, `targets`; NumPy, SciPy and numba.
"""
