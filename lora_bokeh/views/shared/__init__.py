"""What all views share.

In: state of a view.
Out: its component, its figures' theme, the bundled JavaScript and CSS.
May import: no other folder of `views`.
"""
