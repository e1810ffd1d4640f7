"""The lesson's answers are what NumPy says, its words are whole, its state is Python's too."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from lora_bokeh import Lesson, lora
from lora_bokeh.cli import main
from lora_bokeh.lesson.answers import learning, spectra
from lora_bokeh.lesson.answers.directions import noisy_update
from lora_bokeh.lesson.content import acts, facts_of
from lora_bokeh.lesson.guide import instructors_page
from lora_bokeh.lesson.material import measured, published, sources, written
from lora_bokeh.lesson.view import VIEWS, LessonPage
from lora_bokeh.targets import flat
from tests.helpers import measured_adapters

ACTS = {act["id"]: act for act in acts()}
LEFT_TO_THE_PAGE = {"given", "field", "lora", "savings", "energy", "start"}
LEFT_TO_THE_PAGE |= {"kept", "dropped", "last", "next"}
each_act = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


def answer(name):
    """Return the right answer; of a question with one field its number."""
    right = ACTS[name]["question"]["answer"]
    return next(iter(right.values())) if isinstance(right, dict) and len(right) == 1 else right


def energy(matrix, rank):
    s = np.linalg.svd(matrix, compute_uv=False)
    return np.sum(s[:rank] ** 2) / np.sum(s**2)


def least_rank(matrix, share):
    return next(r for r in range(min(matrix.shape) + 1) if energy(matrix, r) >= share - 1e-12)


def test_counts():
    ranks = range(1, 1025)
    kept = [
        r for r in ranks if np.empty((1024, r)).size + np.empty((r, 1024)).size <= 1024**2 / 100
    ]
    assert answer("savings") == max(kept) == 5
    assert answer("break-even") == 512
    assert answer("glyph") == 8 / 4096 * 256
    assert answer("swap") == 4096**2 / (np.empty((4096, 8)).size + np.empty((8, 4096)).size)


def test_residuals_are_numpys():
    s = np.array([6.0, 3.0, 2.0, 1.0])
    right = ACTS["residuals"]["question"]["answer"]
    assert right["frobenius"] == pytest.approx(np.sqrt(np.sum(s[2:] ** 2)))
    assert right["spectral"] == pytest.approx(s[2])


def test_ranks_are_numpys():
    rng = np.random.default_rng(1)
    product = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 6))
    assert answer("bound") == np.linalg.matrix_rank(product)
    assert answer("flat") == least_rank(flat(), 0.9)


def test_noise_edge_parts_signal_from_noise():
    s = np.linalg.svd(noisy_update(), compute_uv=False)
    noise = 0.05 * np.random.default_rng(9).standard_normal((96, 64))
    assert answer("edge") == np.sum(s > 1.1 * np.linalg.norm(noise, 2)) == 7


def test_scale_is_alpha_over_r_and_over_its_root():
    right = ACTS["scale"]["question"]["answer"]
    assert right == pytest.approx({"lora": 2, "rslora": np.sqrt(2)})


def test_gradients_are_those_of_finite_differences():
    W, h = learning.target(), 1e-6
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 8)), np.zeros((8, 2))

    def slope(along_b, along_a):
        at = [np.mean((W - (B + t * along_b) @ (A + t * along_a)) ** 2) for t in (-h, h)]
        return (at[1] - at[0]) / (2 * h)

    dB, dA = rng.standard_normal((8, 2)), rng.standard_normal((2, 8))
    assert abs(slope(0, dA)) < 1e-9 < abs(slope(dB, 0))
    assert answer("init") == "A"
    assert answer("stuck") == "stuck"


def test_floor_is_that_of_eckart_and_young():
    s = np.linalg.svd(learning.target(), compute_uv=False)
    floor = np.sum(s[2:] ** 2) / 64
    assert facts_of("floor").words["floor"] == f"{floor:.4f}"
    assert float(facts_of("floor").words["best"]) >= round(floor, 4)
    assert answer("floor") == "floor"


def test_published_scores_decide():
    assert answer("budget") == "0"
    assert facts_of("budget").words["budget"] == f"{96 * lora.parameter_count(12288, 12288, 8):,}"
    assert answer("accuracy") == 44.12


@pytest.mark.parametrize("seed", range(8))
def test_the_first_act_is_shuffled_and_still_right(seed):
    question = acts(seed)[0]["question"]
    chosen = next(o for o in question["options"] if o["key"] == question["answer"])
    assert [o["text"] for o in question["options"]] == [f"Curve {c}" for c in "ABCD"]
    kept = {name: what.captured_energy(4) for name, what in spectra.families().items()}
    assert chosen["text"] == f"Curve {spectra.letters(seed)[max(kept, key=kept.get)]}"


def test_every_letter_can_be_the_right_one():
    assert {spectra.letters(seed)["narrow"] for seed in range(20)} == set("ABCD")


def test_heavy_tail_is_the_published_one():
    s = spectra.families()["heavy"].s
    first = round(len(s) * 512 / 3072)
    kept = np.linalg.norm(s[:first]) / np.linalg.norm(s)
    assert kept == pytest.approx(published()["heavy"]["norm"], abs=1e-6)


def test_measured_values_are_those_of_the_files(shared_data):
    assert measured_adapters.measure(shared_data) == measured()


def test_measured_adapters_need_what_numpy_says():
    for rank, name in ((4, "mean_4"), (16, "mean_16")):
        needs = [least_rank(np.diag(s), 0.95) for s in measured()["singular_values"][str(rank)]]
        assert facts_of("wasted").words[name] == f"{np.mean(needs):.1f}"
    assert answer("wasted") == pytest.approx(np.mean(needs))


@each_act
def test_an_act_is_whole(act):
    question = act["question"]
    assert len(act["hints"]) == 2
    assert act["reveal"]
    assert set(act["sources"]) <= set(sources())
    assert act["try"]["view"] in VIEWS
    assert act.get("figure", {"name": "spectra"})["name"] in LessonPage.param
    if question["kind"] == "choice":
        keys = [option["key"] for option in question["options"]]
        assert keys.count(question["answer"]) == 1
        assert len(set(keys)) == len(keys) >= 3
    else:
        fields = {field["key"] for field in question["fields"]}
        assert set(question["answer"]) == fields
        assert {mistake["field"] for mistake in question["mistakes"]} <= fields
        for mistake in question["mistakes"]:
            apart = abs(mistake["value"] - question["answer"][mistake["field"]])
            assert apart > question["tolerance"]


@each_act
def test_every_number_of_the_text_is_in_its_place(act):
    left = set(re.findall(r"\{(\w+)\}", json.dumps(act)))
    assert left <= LEFT_TO_THE_PAGE


@pytest.mark.parametrize("act", written(), ids=[act["id"] for act in written()])
def test_every_mistake_has_its_words_and_the_other_way_round(act):
    assert set(act["question"].get("mistakes", {})) == set(facts_of(act["id"]).mistakes)


def test_instructors_page_covers_every_chapter_and_cites_nothing_unknown():
    page = instructors_page()
    chapters = list(dict.fromkeys(act["chapter"] for act in written()))
    assert [row[0] for row in page["activities"]] == chapters
    assert page["activities"][-1][1] == str(len(written()))
    assert not re.search(r"\{\w", json.dumps(page))
    assert str(sum(int(row[2]) for row in page["activities"])) in page["about"]


def test_every_source_is_cited():
    assert {key for act in written() for key in act["sources"]} == set(sources())


def test_page_and_python_tell_each_other():
    lesson = Lesson(act=2)
    page = lesson.__panel__()
    page.progress = {"savings": {"right": True}}
    page.act = 3
    assert (lesson.act, lesson.progress) == (3, {"savings": {"right": True}})
    lesson.mode = "teach"
    assert page.mode == "teach"
    with pytest.raises(ValueError, match="at most 17"):
        lesson.act = len(written()) + 1


def test_every_live_view_is_pythons_too():
    lesson = Lesson()
    page = lesson.__panel__()
    page.explorer.rank = 3
    assert lesson.explorer.rank == 3


def test_command_writes_one_small_file(tmp_path):
    done = CliRunner().invoke(main, ["lesson", "-o", str(tmp_path / "lesson.html")])
    assert (done.exit_code, done.stderr) == (0, "")
    text = (tmp_path / "lesson.html").read_text(encoding="utf-8")
    assert len(text.encode()) <= 4_500_000
    assert "<title>LoRA, by doing</title>" in text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--seed", "-1"], "seed must be at least 0, got -1"),
        (["-o", "nowhere/lesson.html"], "nowhere"),
    ],
)
def test_command_says_what_is_wrong_in_one_line(options, why):
    done = CliRunner().invoke(main, ["lesson", *options])
    assert done.exit_code == 2
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
