"""The instructor's page as plain data: the written words with the computed numbers."""

from __future__ import annotations

from typing import Any

from lora_bokeh.lesson.content import facts_of, fill
from lora_bokeh.lesson.material import guide, written


def instructors_page() -> dict[str, Any]:
    """Return objectives, activities with their acts and minutes, questions with answers, terms."""
    page = guide()
    minutes = sum(each["minutes"] for each in page["activities"])
    filled = fill(page, {**facts_of("savings").words, "minutes": str(minutes)})
    filled["activities"] = [_row(each) for each in filled["activities"]]
    return filled


def _row(activity: dict[str, Any]) -> list[str]:
    chapter = activity["chapter"]
    numbers = [i for i, act in enumerate(written(), 1) if act["chapter"] == chapter]
    first, last = numbers[0], numbers[-1]
    acts = str(first) if first == last else f"{first} – {last}"
    return [chapter, acts, str(activity["minutes"]), activity["activity"]]
