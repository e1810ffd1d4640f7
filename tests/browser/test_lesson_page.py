"""The lesson in a real browser: done by keyboard alone, offline, wrong and right."""

from __future__ import annotations

import re
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from lora_bokeh import Lesson
from lora_bokeh.lesson.content import acts
from lora_bokeh.lesson.view import VIEWS
from tests.browser.explorer_page import eventually
from tests.browser.lesson_page import LessonPage

ACTS = acts()
NUMBERS = range(1, len(ACTS) + 1)


@pytest.fixture
def open_lesson(open_file):
    return lambda **options: LessonPage(open_file(Lesson, **options).page)


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
        expect(lesson.spoken).to_have_text(f"Not yet. {said}")
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


def give(lesson, number, right=True):
    """Open an act and answer it with the mouse."""
    question = ACTS[number - 1]["question"]
    lesson.act(number).click()
    lesson.answer(question, question["answer"] if right else wrong(question))


def test_progress_survives_a_reload_and_can_be_forgotten(open_lesson):
    lesson = open_lesson(reduced_motion="reduce")
    give(lesson, 2)
    give(lesson, 5, right=False)
    lesson.button("Hint").click()
    lesson.page.reload()
    expect(lesson.path).to_contain_text("1 of 17 solved")
    expect(lesson.act(2)).to_have_accessible_name("Act 2: 99 % saved, solved")
    expect(lesson.act(5)).to_have_attribute("aria-current", "step")
    expect(lesson.act(5)).to_have_accessible_name("Act 5: The first gradient, not solved yet")
    expect(lesson.predict.get_by_role("radio", checked=True)).to_have_count(1)
    expect(lesson.predict.get_by_role("list", name="hints")).to_be_visible()
    lesson.page.once("dialog", lambda dialog: dialog.accept())
    lesson.button("Start over").click()
    expect(lesson.path).to_contain_text("0 of 17 solved")
    expect(lesson.predict.get_by_role("radio", checked=True)).to_have_count(0)
    lesson.page.reload()
    expect(lesson.path).to_contain_text("0 of 17 solved")


def test_an_answer_that_was_shown_is_not_counted_as_solved(open_lesson):
    lesson = open_lesson(reduced_motion="reduce")
    give(lesson, 12, right=False)
    lesson.button("Show the answer").click()
    expect(lesson.reveal).to_contain_text("90 % takes 15 ranks")
    expect(lesson.reveal.get_by_role("heading", name="Reveal")).to_be_focused()
    give(lesson, 12)
    expect(lesson.act(12)).to_have_accessible_name("Act 12: A rotation, answer shown")
    expect(lesson.path).to_contain_text("0 of 17 solved")


def test_nothing_given_is_said_and_not_counted(open_lesson):
    lesson = open_lesson()
    lesson.button("Check").click()
    expect(lesson.verdict).to_have_text("Give an answer first.")
    expect(lesson.spoken).to_have_text("Give an answer first.")
    expect(lesson.button("Show the answer")).to_be_disabled()
    expect(lesson.attempt.locator(".live")).to_have_count(0)


def test_a_task_is_about_its_own_target(open_lesson):
    lesson = open_lesson(reduced_motion="reduce")
    lesson.act(14).click()
    lesson.attempt.get_by_role("combobox", name="target").select_option("flat")
    lesson.button("Check").click()
    expect(lesson.verdict).to_contain_text("choose that target again")
    expect(lesson.act(14)).to_have_accessible_name("Act 14: Stop at the noise")
    give(lesson, 14)
    expect(lesson.verdict).to_have_class("verdict right")


def test_works_where_the_browser_keeps_nothing(open_lesson):
    lesson = open_lesson(reduced_motion="reduce")
    refuse = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })"
    lesson.page.add_init_script(refuse)
    lesson.page.reload()
    give(lesson, 2)
    expect(lesson.path).to_contain_text("1 of 17 solved")


def test_a_link_opens_an_act_the_views_or_the_instructors_page(file_of, open_tab):
    page = open_tab(f"{file_of(Lesson).as_uri()}#act=4", reduced_motion="reduce").page
    lesson = LessonPage(page)
    expect(lesson.title).to_have_text("4. Where nothing is saved")
    lesson.act(6).click()
    page.wait_for_url("**#act=6")
    page.evaluate("location.hash = '#mode=teach'")
    expect(lesson.root.get_by_role("heading", level=2, name="For instructors")).to_be_visible()
    expect(lesson.path).to_be_hidden()
    for act in ACTS:
        expect(lesson.root.get_by_role("cell", name=act["question"]["ask"])).to_be_visible()
    page.evaluate("location.hash = '#mode=explore&view=merge'")
    expect(lesson.attempt.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate("location.hash = '#act=99'")
    page.evaluate("location.hash = '#act=3'")
    expect(lesson.title).to_have_text("3. How thin is B?")


def test_explore_shows_one_view_at_a_time_and_draws_none_before(open_lesson):
    lesson = open_lesson(reduced_motion="reduce")
    expect(lesson.root.locator(".try .live")).to_have_count(0)
    lesson.button("Explore").click()
    for count, title in enumerate(VIEWS.values(), 1):
        lesson.button(title).click()
        expect(lesson.button(title)).to_have_attribute("aria-current", "true")
        expect(lesson.root.locator(".try .live")).to_have_count(count)
        expect(lesson.attempt.get_by_role("heading", level=1)).to_have_count(1)
        assert lesson.page.evaluate("document.documentElement.scrollWidth") <= 1280
    expect(lesson.predict).to_be_hidden()
    lesson.button(VIEWS["explorer"]).click()
    rules = lesson.attempt.get_by_role("region", name="rank rules")
    expect(rules).to_be_visible()
    lesson.button("Lesson").click()
    give(lesson, 1)
    expect(lesson.attempt.get_by_role("slider", name="rank", exact=True)).to_be_visible()
    expect(rules).to_be_hidden()
    expect(lesson.predict).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing(scheme, width, open_lesson, violations):
    lesson = open_lesson(color_scheme=scheme, width=width, reduced_motion="reduce")
    give(lesson, 1)
    expect(lesson.reveal).to_contain_text("LoRA bets on the first kind")
    assert violations(lesson.page) == []
    give(lesson, 16, right=False)
    lesson.button("Show the answer").click()
    assert violations(lesson.page) == []
    assert lesson.page.evaluate("document.documentElement.scrollWidth") <= width
    lesson.button("For instructors").click()
    assert violations(lesson.page) == []
    assert lesson.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 390)])
def test_axe_finds_nothing_while_exploring(scheme, width, open_lesson, violations):
    lesson = open_lesson(color_scheme=scheme, width=width, reduced_motion="reduce")
    lesson.button("Explore").click()
    for title in VIEWS.values():
        lesson.button(title).click()
        expect(lesson.attempt.get_by_role("heading", level=1)).to_have_count(1)
        assert violations(lesson.page) == []
        assert lesson.page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_there_are_no_controls(open_lesson):
    lesson = open_lesson()
    lesson.button("For instructors").click()
    lesson.page.emulate_media(media="print")
    expect(lesson.root.get_by_role("button")).to_have_count(0)
    expect(lesson.root.get_by_role("heading", name="Objectives")).to_be_visible()


def test_python_hears_of_the_progress(serve_view, open_tab):
    served = Lesson()
    lesson = LessonPage(open_tab(serve_view(lambda: served), reduced_motion="reduce").page)
    give(lesson, 2)
    expect(lesson.verdict).to_have_class("verdict right")
    solved = {"given": {"rank": 5}, "right": True, "tries": 1, "hints": 0, "revealed": False}
    eventually(lesson.page, lambda: served.progress.get("savings"), solved)
    assert served.act == 2
    served.mode = "teach"
    expect(lesson.root.get_by_role("heading", level=2, name="For instructors")).to_be_visible()


@pytest.mark.parametrize(
    "command", [("lora_bokeh", "lesson", "--no-show"), ("panel", "serve", "apps/lesson.py")]
)
def test_is_served(command, serve_command):
    address = serve_command(*command, "--port", "0")
    with urlopen(address, timeout=60) as page:
        assert "<title>LoRA, by doing</title>" in page.read().decode()


@pytest.fixture
def judge(call):
    names = {act["id"]: act["question"] for act in ACTS}
    return lambda name, given: call("lesson/verdict.mjs", "judge", names[name], given)


def test_feedback_follows_from_the_answer_given(judge):
    for rank in (1, 4, 5, 6, 10, 700):
        verdict = judge("savings", {"rank": rank})
        saved = 1 - rank * 2048 / 1024**2
        assert verdict["right"] == (rank == 5)
        assert f"{100 * saved:.1f} %".replace("-", "−") in verdict["text"]
        assert f"{rank * 2048:,}" in verdict["text"]
    assert "one factor" in judge("savings", {"rank": 10})["text"]
    for rank in range(17):
        said = re.search(r"([\d.]+) %", judge("flat", {"rank": rank})["text"])[1]
        assert float(said) == pytest.approx(100 * rank / 16, abs=0.0501)


def test_each_field_has_feedback_of_its_own(judge):
    right = ACTS[7]["question"]["answer"]
    assert judge("residuals", {"frobenius": 2.24, "spectral": 2.0})["right"]
    assert "sum of the values" in judge("residuals", {**right, "frobenius": 3})["text"]
    assert "largest one dropped" in judge("residuals", {**right, "spectral": 3})["text"]
    assert "too small" in judge("residuals", {"frobenius": 0.1, "spectral": 9})["text"]


def test_every_choice_has_feedback_of_its_own(judge):
    for act in ACTS:
        question = act["question"]
        for option in question.get("options", []):
            verdict = judge(act["id"], option["key"])
            assert verdict == {"right": option["key"] == question["answer"], "text": option["why"]}


def test_a_store_that_holds_anything_does_no_harm(call):
    ids = ["a", "b"]
    blank = {"given": None, "right": False, "tries": 0, "hints": 0, "revealed": False}
    for stored in (None, [], "x", 3, {"c": {}}, {"a": None}, {"a": "x"}):
        assert call("lesson/progress.mjs", "checked", stored, ids) == {}
    odd = {"a": {"right": "yes", "tries": -1, "hints": "x", "revealed": 1}}
    assert call("lesson/progress.mjs", "checked", odd, ids) == {"a": blank}
    entry = {"given": {"rank": 5}, "right": True, "tries": 2, "hints": 1, "revealed": False}
    assert call("lesson/progress.mjs", "checked", {"b": entry}, ids) == {"b": entry}


def test_lesson_of_the_notebook_goes_on_offline(notebook_page, open_tab):
    if notebook_page.stem != "03_lesson":
        pytest.skip("its page has a test of its own")
    page = open_tab(notebook_page, reduced_motion="reduce").page
    lesson = LessonPage(page)
    give(lesson, 8)
    expect(lesson.verdict).to_have_class("verdict right")
    assert "#" not in page.url
