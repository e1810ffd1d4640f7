"""Ways to give a view out.

In: a view, or a function that makes one.
Out: an HTML file, a server, a figure as a file.
May import: `views` and below.
"""
