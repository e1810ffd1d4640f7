"""In what form an adapter can be written."""

FORMATS = ("peft", "kohya")
DTYPES = ("float16", "bfloat16", "float32", "float64")
