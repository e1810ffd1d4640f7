"""One module for each file format; :mod:`lora_bokeh.loaders` is the door to them.

Files are data, never code: no pickle, and every size a file claims is checked against the bytes
it has before anything of that size is allocated.
"""
