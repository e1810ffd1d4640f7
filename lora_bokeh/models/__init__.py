"""What LoRA trains of well-known models.

In: the name of a model, or its matrices.
Out: parameters and bytes.
May import: `lora`, `checks`, `text`.
"""
