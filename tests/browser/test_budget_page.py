"""The parameter budget in the page: Python's numbers, to scale, by keyboard, in every host."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest
from click.testing import CliRunner
from playwright.sync_api import Locator, Page, expect

from lora_bokeh import BudgetExplorer
from lora_bokeh.cli import main
from lora_bokeh.lora import break_even_rank
from lora_bokeh.models.parameter_budget import (
    FLOAT32,
    ITEMSIZE,
    MOMENTS,
    SETS,
    ParameterBudget,
    full_rank,
    parameter_budget,
    same_budget,
)
from lora_bokeh.models.presets import USUAL, find_model, own_model, presets, published_accuracies
from lora_bokeh.views.budget.view import _held
from tests.browser.explorer_page import drawn, eventually, expect_drawn

RULES = {"itemsize": ITEMSIZE, "moments": MOMENTS, "float32": FLOAT32, "sets": SETS}


@pytest.fixture
def open_file(open_file):
    """Open the file of a budget, without motion unless asked otherwise."""

    def open_one(explorer=BudgetExplorer, **options) -> Page:
        return shown(open_file(explorer, **{"reduced_motion": "reduce", **options}).page)

    return open_one


def shown(page: Page) -> Page:
    """Return the page when it is drawn."""
    expect(page.get_by_role("slider", name="rank")).to_be_visible()
    expect_drawn(page.locator(".explorer"))
    return page


def readout(page: Page, label: str) -> Locator:
    rows = page.get_by_role("region", name="readouts").locator("dl > div")
    return rows.filter(has_text=label).locator("dd")


def states() -> list[tuple[dict, ParameterBudget]]:
    """Return what the page holds in many states of every model, and what Python makes of it."""
    ways = product(presets().values(), ITEMSIZE, MOMENTS)
    found = [
        parameter_budget(model, rank, targets, dtype, optimizer)
        for model, dtype, optimizer in ways
        for rank, targets in ((1, None), (8, ["all"]), (full_rank(model.modules), None))
    ]
    return [({"models": {f.model.name: _held(f.model)}, "rules": RULES, "model": f.model.name,
              "rank": f.rank, "targets": [m.name for m in f.modules], "dtype": f.dtype,
              "optimizer": f.optimizer}, f) for f in found]  # fmt: skip


def test_page_computes_what_python_does(call_each):
    held = states()
    shown = call_each("budget/state.mjs", "budgetNow", [[state] for state, _ in held])
    for now, (_, found) in zip(shown, held, strict=True):
        assert (now["trainable"], now["whole"]) == (found.trainable, found.whole)
        assert now["share"] == pytest.approx(found.share)
        assert now["savings"] == pytest.approx(found.savings)
        assert now["breakEven"] == pytest.approx(found.break_even_rank)
        assert now["fileBytes"] == found.file_bytes[found.dtype]
        assert now["lora"] == found.lora._asdict()
        assert now["full"] == found.full._asdict()


def test_page_spends_a_budget_as_python_does(call_each):
    budgets = [(model, parameter_budget(model, 8).trainable) for model in presets().values()]
    spent = call_each("budget/state.mjs", "sameBudget", [[_held(m), n, SETS] for m, n in budgets])
    for cases, (model, n) in zip(spent, budgets, strict=True):
        shown = [(tuple(m["name"] for m in c["modules"]), c["rank"], c["trainable"]) for c in cases]
        assert shown == [tuple(case) for case in same_budget(model, n)]


def test_page_carries_targets_over_as_python_does(call_each):
    llama = find_model("Llama-2-7B")
    names = [[m.name for m in llama.modules], ["k_proj"], ["q_proj", "up_proj"]]
    others = [find_model(name) for name in ("GPT-2", "Llama-3-8B", "OPT-350m", "SD-1.5-UNet")]
    changes = [(to, targets) for to in others for targets in names]
    arguments = [[_held(llama), _held(to), targets, USUAL] for to, targets in changes]
    carried = call_each("budget/state.mjs", "targetsLike", arguments)
    assert carried == [to.like(llama, targets) for to, targets in changes]


def test_slider_stops_lead_to_the_end(call_each):
    ends = (1, 2, 7, 768, 4096)
    for end, stops in zip(
        ends, call_each("budget/state.mjs", "rankStops", [[end] for end in ends]), strict=True
    ):
        assert stops[0] == 1
        assert stops[-1] == end
        assert stops == sorted(set(stops))
        nearest = call_each("budget/state.mjs", "nearestStop", [[stops, rank] for rank in stops])
        assert nearest == list(range(len(stops)))


def stage(rank: int) -> tuple[dict, ParameterBudget]:
    """Return what the bars are laid out from."""
    found = parameter_budget("Llama-2-7B", rank, ["all"])
    counts = [parameter_budget(found.model, rank, [m.name]).trainable for m in found.modules]
    parts = [
        {"name": m.name, "role": m.role, "count": n}
        for m, n in zip(found.modules, counts, strict=True)
    ]
    sizes = {"parameters": found.model.parameters, "whole": found.whole}
    return {"width": 700, **sizes, "trainable": found.trainable, "parts": parts}, found


def test_bars_are_to_scale(call_each):
    stages = [stage(rank) for rank in (100, 2000, 3000)]
    plans = call_each("budget/bars.mjs", "layoutBudget", [[given] for given, _ in stages])
    for plan, (given, found) in zip(plans, stages, strict=True):
        part, matrices, lora = (
            plan[name]["right"] - plan[name]["left"] for name in ("part", "matrices", "lora")
        )
        assert part / 700 == pytest.approx(found.whole / found.model.parameters)
        assert lora / matrices == pytest.approx(found.trainable / found.whole)
        assert max(lora, matrices) == pytest.approx(700)
        shares = [(bar["right"] - bar["left"]) / 700 for bar in plan["modules"]]
        assert shares == pytest.approx([p["count"] / found.trainable for p in given["parts"]])


def test_a_bar_too_thin_is_flagged(open_file):
    page = open_file()
    assert drawn(page, "parameters", "note")["text"] == ["* 3 px wide, to be seen: not to scale"]
    assert drawn(page, "parameters", "labels")["text"][2].endswith("0.391 % of these matrices *")


def test_the_whole_page_by_keyboard(open_file):
    page = open_file()
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 4,194,304 parameters")
    page.keyboard.press("Tab")
    page.keyboard.type("GPT-3")
    expect(page.get_by_role("heading", level=1)).to_have_text("What does rank 8 train?")
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 37,748,736 parameters")
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    slider = page.get_by_role("slider", name="rank")
    expect(slider).to_have_attribute("aria-valuetext", "rank 1 of 12288, 4,718,592 parameters")
    page.keyboard.press("Tab")
    page.keyboard.type("4\n")  # the field's text is selected
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 18,874,368 parameters")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name=re.compile("q_proj"))).not_to_be_checked()
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 9,437,184 parameters")
    expect(page.get_by_role("status")).to_contain_text("Rank 4 on v_proj of GPT-3-175B: 9,437,184")


def test_one_target_always_remains(open_file):
    page = open_file(BudgetExplorer(targets=["v"]))
    only = page.get_by_role("checkbox", name=re.compile("v_proj"))
    only.press("Space")
    expect(only).to_be_checked()
    expect(page.get_by_role("status")).to_have_text("At least one matrix stays adapted.")


def test_past_break_even_it_is_said(open_file):
    page = open_file(BudgetExplorer(own_model((64, 48)), rank=40))
    expect(readout(page, "Savings")).to_have_text("−45.8 %")
    expect(readout(page, "Break-even")).to_have_attribute("title", str(break_even_rank(64, 48)))
    expect(page.get_by_text("Past break-even: LoRA trains more")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("45.8 % more against")
    lora, matrices = (drawn(page, "parameters", name)["right"] for name in ("lora", "part"))
    assert lora[0] / matrices[1] == pytest.approx(40 * (64 + 48) / (64 * 48))


def test_published_table_is_shown_and_each_row_can_be_looked_at(open_file):
    page = open_file()
    card = page.get_by_role("region", name="published accuracies")
    table = published_accuracies()
    shown = [row.locator("td").all_inner_texts() for row in card.locator("tbody tr").all()]
    assert [row[1:] for row in shown] == [
        [f"{case['WikiSQL']:.1f}", f"{case['MultiNLI']:.1f}"] for case in table["cases"]
    ]
    card.get_by_role("button", name="GPT-3-175B q, k, v, o: set rank 2").press("Enter")
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 18,874,368 parameters")
    same = page.get_by_role("region", name="the same budget")
    expect(same.locator("tbody tr").first).to_contain_text("q_proj")
    same.get_by_role("button", name="q_proj: set rank 8", exact=True).press("Enter")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 18,874,368 parameters")


def test_bytes_are_stacked_to_scale(open_file):
    page = open_file(BudgetExplorer("Llama-3-8B", rank=2500, targets=["all"]))
    found = parameter_budget("Llama-3-8B", 2500, ["all"])
    for part in found.full._fields:
        columns = drawn(page, "memory", part)
        widths = [
            right - left for left, right in zip(columns["left"], columns["right"], strict=True)
        ]
        expected = [getattr(memory, part) / 1e9 for memory in (found.full, found.lora)]
        assert widths == pytest.approx([size for size in expected if size])


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_too_wide(scheme, width, open_file, violations):
    page = open_file(color_scheme=scheme, width=width)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_are_named(open_file):
    parameters, memory = open_file().get_by_role("figure").all()
    expect(parameters).to_have_attribute(
        "aria-label",
        "Parameters to scale: Llama-2-7B has 6,738,415,616, the matrices adapted 1,073,741,824, "
        "LoRA of rank 8 trains 4,194,304.",
    )
    expect(memory).to_have_attribute(
        "aria-label", "Bytes while training, to scale: whole model 108 GB, LoRA 13.5 GB."
    )


def test_figures_and_numbers_are_saved(open_file, tmp_path):
    page = open_file(BudgetExplorer("SD-1.5-UNet", rank=3))
    for figure, kind in (("Parameters", "SVG"), ("Parameters", "CSV"), ("Bytes", "SVG")):
        card = page.get_by_role("region", name=figure)
        card.locator("summary", has_text="Save").press("Enter")
        with page.expect_download() as download:
            card.get_by_role("button", name=kind, exact=True).press("Enter")
        download.value.save_as(tmp_path / f"{figure}.{kind}")
    assert download.value.suggested_filename == "SD-1.5-UNet-rank-3-memory.svg"
    command = ["budget", "SD-1.5-UNet", "--rank", "3", "--format", "csv"]
    assert (tmp_path / "Parameters.CSV").read_text() == CliRunner().invoke(main, command).stdout
    for figure, words in (("Parameters", "LoRA by module"), ("Bytes", "bytes while training, GB")):
        svg = (tmp_path / f"{figure}.SVG").read_text(encoding="utf-8")
        assert words in svg
        assert "SD-1.5-UNet, rank 3 on attn1.to_q" in svg


def test_a_link_carries_the_state(file_of, open_tab):
    state = "#model=GPT-2&targets=mlp.c_fc%2Cq_proj&rank=4&dtype=float32&optimizer=lion"
    page = open_tab(file_of(BudgetExplorer).as_uri() + state).page
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)
    found = parameter_budget("GPT-2", 4, ["mlp.c_fc"])
    expect(readout(page, "Trained")).to_have_attribute(
        "title", f"exactly {found.trainable:,} parameters"
    )
    expect(page.get_by_role("combobox", name="dtype")).to_have_value("float32")
    expect(page.get_by_text("optimizer=lion")).to_be_visible()


def test_a_change_of_model_is_undone_whole(open_file):
    page = open_file(BudgetExplorer(rank=2000, targets=["k"]))
    page.get_by_role("combobox", name="model").select_option("GPT-2")
    expect(readout(page, "Break-even")).to_have_text("576")
    expect(page.get_by_role("spinbutton", name="rank, typed")).to_have_value("768")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What does rank 2000 train?")
    expect(page.get_by_role("checkbox", name=re.compile("k_proj"))).to_be_checked()


def test_what_cannot_be_a_rank_is_not_taken(open_file):
    page = open_file()
    field = page.get_by_role("spinbutton", name="rank, typed")
    for text, taken in (("0", "8"), ("", "8"), ("99999", "4096"), ("7.4", "7")):
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_value(taken)


def test_served_page_tells_python(serve_view, open_tab):
    explorer = BudgetExplorer()
    page = open_tab(serve_view(lambda: explorer)).page
    page.get_by_role("combobox", name="model").select_option("GPT-2")
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 294,912 parameters")
    eventually(page, lambda: (explorer.model, explorer.targets), ("GPT-2", ["c_attn"]))
    assert explorer.budget.trainable == 294_912


def test_drag_sends_one_patch_a_stop(serve_view, open_tab):
    explorer = BudgetExplorer("GPT-2", rank=1, targets=["all"])
    tab = open_tab(serve_view(lambda: explorer))
    slider = shown(tab.page).get_by_role("slider", name="rank")
    for _ in range(8):
        slider.press("ArrowRight")
    eventually(tab.page, lambda: explorer.rank, 24)
    tab.page.wait_for_timeout(1200)  # the springs come to rest, and send nothing
    patches = [frame for frame in map(str, tab.frames) if '"events"' in frame]
    changed = [event.get("attr") for patch in patches for event in json.loads(patch)["events"]]
    assert changed[changed.index("rank") :] == ["rank"] * 8  # before, it told of its browser


def test_app_is_served(serve_command, open_tab):
    address = serve_command("panel", "serve", "apps/budget.py", "--port", "0")
    page = open_tab(address).page
    expect(page.get_by_role("heading", level=1)).to_have_text("What does rank 8 train?")
    assert page.title() == "Parameter budget"
