"""The views: Panel and Bokeh begin here.

In: matrices, sources, spectra.
Out: views to display, drag, save and link.
May import: everything but `hosts`, `lesson` and `cli`.
"""
