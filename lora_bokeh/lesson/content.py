"""The acts as the page gets them: the written words with the computed numbers in their places."""

from __future__ import annotations

from typing import Any

from lora_bokeh.lesson.answers import counting, directions, learning
from lora_bokeh.lesson.answers.facts import FACTS, Facts
from lora_bokeh.lesson.answers.spectra import fine_tune
from lora_bokeh.lesson.material import written

__all__ = ["acts", "counting", "directions", "facts_of", "learning"]  # which register their acts


def facts_of(name: str, seed: int = 0) -> Facts:
    """Return what is computed of an act; the seed shuffles the first one."""
    return fine_tune(seed) if name == "fine-tune" else FACTS[name]()


def acts(seed: int = 0) -> list[dict[str, Any]]:
    """Return all acts in order, as plain data."""
    return [_filled(each, facts_of(each["id"], seed)) for each in written()]


def _filled(act: dict[str, Any], facts: Facts) -> dict[str, Any]:
    filled = fill(act, facts.words)
    question = filled["question"]
    question |= {"tolerance": facts.tolerance, "data": facts.data}
    if question["kind"] == "choice":
        question["answer"] = facts.answer
        if question.get("sorted"):  # by their letters, which are shuffled
            question["options"].sort(key=lambda option: option["text"])
    else:
        only = question["fields"][0]["key"]
        question["answer"] = (
            facts.answer if isinstance(facts.answer, dict) else {only: facts.answer}
        )
        whys = question["mistakes"]
        question["mistakes"] = [_mistake(whys[name], *at) for name, at in _placed(facts, only)]
    return filled


def _placed(facts: Facts, only: str) -> list[tuple[str, tuple[str, float]]]:
    """Return name → (field, number) of each mistake; a number alone belongs to the only field."""
    known = facts.mistakes.items()
    return [(name, at if isinstance(at, tuple) else (only, at)) for name, at in known]


def _mistake(why: str, field: str, value: float) -> dict[str, Any]:
    return {"field": field, "value": float(value), "why": why}


def fill(part: Any, words: dict[str, str]) -> Any:
    """Put words in the places of all texts of a structure; {{name}} is left to the page.

    A number and its % stay on one line.
    """
    if isinstance(part, str):
        return part.format_map(words).replace(" %", "\N{NO-BREAK SPACE}%")
    if isinstance(part, list):
        return [fill(each, words) for each in part]
    if isinstance(part, dict):
        return {key: fill(each, words) for key, each in part.items()}
    return part
