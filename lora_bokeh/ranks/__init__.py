"""From a spectrum to a rank.

In: spectra, complete or not.
Out: ranks by rule, by number or within a budget of bytes.
May import: `engine` and below.
"""
