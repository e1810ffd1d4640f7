"""The lesson: its words, the numbers computed for them, and its page.

In: JSON files with placeholders for numbers.
Out: `Lesson`, as acts and as a guide for the instructor.
May import: `views` and below.
"""
