"""The numbers behind the acts.

In: what an act asks.
Out: facts that fill the placeholders in its words.
May import: `lesson`, `training`, `ranks`, `engine` and below.
"""
