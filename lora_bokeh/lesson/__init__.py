"""The lesson: its words, the numbers computed for them, and its page."""
