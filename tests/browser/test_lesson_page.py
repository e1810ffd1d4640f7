"""The lesson in a real browser: done by keyboard alone, offline, wrong and right."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from lora_bokeh import Lesson, save_html
from lora_bokeh.lesson.acts import acts
from tests.browser.lesson_page import LessonPage

ACTS = acts()
NUMBERS = range(1, len(ACTS) + 1)


@pytest.fixture(scope="module")
def lesson_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("lesson") / "lesson.html"
    save_html(Lesson(), path, title="LoRA, by doing")
    return path


@pytest.fixture
def open_lesson(lesson_file, open_tab):
    return lambda **options: LessonPage(open_tab(lesson_file, **options).page)


def wrong(question):
    """Return an answer that is wrong: the first usual mistake, or one far off."""
    answer = question["answer"]
    if question["kind"] == "choice":
        return next(o["key"] for o in question["options"] if o["key"] != answer)
    for mistake in question["mistakes"]:
        return {**answer, mistake["field"]: mistake["value"]}
    return {key: 2 * value + 1 for key, value in answer.items()}


def test_whole_lesson_by_keyboard_alone_offline(open_lesson):
    lesson = open_lesson(reduced_motion="reduce")
    lesson.press(lesson.act(1))
    for number, act in zip(NUMBERS, ACTS, strict=True):
        question = act["question"]
        expect(lesson.title).to_have_text(f"{number}. {act['title']}")
        expect(lesson.reveal.get_by_role("button")).to_be_disabled()
        lesson.answer(question, wrong(question))
        expect(lesson.verdict).to_have_class("verdict wrong")
        said = lesson.verdict.inner_text()
        assert "{" not in said
        assert lesson.spoken.inner_text() == said
        expect(lesson.attempt.locator(".stage")).to_be_visible()
        lesson.press(lesson.button("Hint"))
        expect(lesson.predict.get_by_role("list", name="hints")).to_have_text(act["hints"][0])
        back_to_form(lesson, question)
        lesson.answer(question, question["answer"])
        expect(lesson.verdict).to_have_class("verdict right")
        expect(lesson.reveal).to_contain_text(act["reveal"][0])
        lesson.press(lesson.button("Go to the reveal"))
        if number < len(ACTS):
            lesson.press(lesson.button("Next act"))
    expect(lesson.path).to_contain_text(f"{len(ACTS)} of {len(ACTS)} solved")


def back_to_form(lesson, question):
    """Go back with Shift-Tab to where the form begins."""
    if question["kind"] == "choice":
        lesson.tab_to(lesson.predict.get_by_role("radio", checked=True), "Shift+Tab")
    elif question["kind"] == "number":
        lesson.tab_to(lesson.predict.get_by_role("spinbutton").first, "Shift+Tab")
