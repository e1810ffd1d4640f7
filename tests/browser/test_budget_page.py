"""The parameter budget in the page: Python's numbers, to scale, by keyboard, in every host."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from lora_bokeh import BudgetExplorer, save_html
from lora_bokeh.lora import break_even_rank
from lora_bokeh.parameters import _held
from lora_bokeh.presets import USUAL, find_model, own_model, presets, published_accuracies
from lora_bokeh.trainable import (
    FLOAT32,
    ITEMSIZE,
    MOMENTS,
    SETS,
    full_rank,
    parameter_budget,
    same_budget,
)
from tests.browser.test_functions import CALL, bundle

RULES = {"itemsize": ITEMSIZE, "moments": MOMENTS, "float32": FLOAT32, "sets": SETS}


@pytest.fixture
def call(open_tab):
    """Call a function of a module in the page."""
    page = open_tab("about:blank").page
    return lambda module, name, *args: page.evaluate(CALL, [bundle(module), name, list(args)])


@pytest.fixture
def open_file(tmp_path, open_tab):
    """Save a budget and open the file with the network cut."""

    def open_one(explorer=None, **options) -> Page:
        save_html(explorer or BudgetExplorer(), tmp_path / "budget.html")
        options = {"reduced_motion": "reduce", **options}
        page = open_tab(tmp_path / "budget.html", **options).page
        expect(page.get_by_role("slider", name="rank")).to_be_visible()
        return page

    return open_one


def readout(page: Page, label: str) -> Locator:
    rows = page.get_by_role("region", name="readouts").locator("dl > div")
    return rows.filter(has_text=label).locator("dd")


def drawn(page: Page, figure: str, renderer: str) -> dict[str, list]:
    """Return the columns that a figure's renderer is drawn from."""
    return page.evaluate(
        """([figure, renderer]) => {
            const found = Bokeh.documents.flatMap((doc) => doc.roots())
                .flatMap((root) => [...root.references()])
                .find((model) => model.type === "Figure" && model.name === figure);
            const source = found.renderers.find((r) => r.name === renderer).data_source;
            return Object.fromEntries(Object.entries(source.data).map(
                ([name, column]) => [name, Array.from(column)]));
        }""",
        [figure, renderer],
    )


@pytest.mark.parametrize("optimizer", MOMENTS)
@pytest.mark.parametrize("dtype", ITEMSIZE)
def test_page_computes_what_python_does(call, dtype, optimizer):
    models = {name: _held(model) for name, model in presets().items()}
    for name, model in presets().items():
        for rank, targets in ((1, None), (8, ["all"]), (full_rank(model.modules), None)):
            found = parameter_budget(name, rank, targets, dtype, optimizer)
            state = {"models": models, "rules": RULES, "model": name, "rank": rank}
            state |= {"targets": [module.name for module in found.modules]}
            now = call(
                "budget_arithmetic.mjs",
                "budgetNow",
                {**state, "dtype": dtype, "optimizer": optimizer},
            )
            assert (now["trainable"], now["whole"]) == (found.trainable, found.whole)
            assert now["share"] == pytest.approx(found.share)
            assert now["savings"] == pytest.approx(found.savings)
            assert now["breakEven"] == pytest.approx(found.break_even_rank)
            assert now["fileBytes"] == found.file_bytes[dtype]
            assert now["lora"] == found.lora._asdict()
            assert now["full"] == found.full._asdict()


def test_page_spends_a_budget_as_python_does(call):
    for model in presets().values():
        budget = parameter_budget(model, 8).trainable
        cases = call("budget_arithmetic.mjs", "sameBudget", _held(model), budget, SETS)
        shown = [(tuple(m["name"] for m in c["modules"]), c["rank"], c["trainable"]) for c in cases]
        assert shown == [tuple(case) for case in same_budget(model, budget)]


def test_page_carries_targets_over_as_python_does(call):
    llama, gpt = find_model("Llama-2-7B"), find_model("GPT-2")
    names = [[m.name for m in llama.modules], ["k_proj"], ["q_proj", "up_proj"]]
    for to in (gpt, find_model("Llama-3-8B"), find_model("OPT-350m")):
        for targets in names:
            like = call(
                "budget_arithmetic.mjs", "targetsLike", _held(llama), _held(to), targets, USUAL
            )
            assert like == to.like(llama, targets)


@pytest.mark.parametrize("end", [1, 2, 7, 768, 4096])
def test_slider_stops_lead_to_the_end(call, end):
    stops = call("budget_arithmetic.mjs", "rankStops", end)
    assert stops[0] == 1
    assert stops[-1] == end
    assert stops == sorted(set(stops))
    for i, rank in enumerate(stops):
        assert call("budget_arithmetic.mjs", "nearestStop", stops, rank) == i


@pytest.mark.parametrize("rank", [8, 2000, 3000])
def test_bars_are_to_scale(call, rank):
    found = parameter_budget("Llama-2-7B", rank, ["all"])
    parts = [
        {"name": m.name, "role": m.role, "count": parameter_budget(found.model, rank, [m.name])[3]}
        for m in found.modules
    ]
    sizes = {"parameters": found.model.parameters, "whole": found.whole}
    plan = call(
        "budget_bars.mjs",
        "layoutBudget",
        {"width": 700, **sizes, "trainable": found.trainable, "parts": parts},
    )
    width = {
        name: plan[name]["right"] - plan[name]["left"] for name in ("part", "matrices", "lora")
    }
    assert width["part"] / 700 == pytest.approx(found.whole / found.model.parameters)
    assert width["lora"] / width["matrices"] == pytest.approx(found.trainable / found.whole)
    assert max(width["lora"], width["matrices"]) == pytest.approx(700)
    for bar, part in zip(plan["modules"], parts, strict=True):
        shown = (bar["right"] - bar["left"]) / 700
        assert shown == pytest.approx(part["count"] / found.trainable)
    assert plan["modules"][-1]["right"] == pytest.approx(700)


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


def test_served_page_tells_python(serve_view, open_tab):
    explorer = BudgetExplorer()
    page = open_tab(serve_view(lambda: explorer)).page
    page.get_by_role("combobox", name="model").select_option("GPT-2")
    expect(readout(page, "Trained")).to_have_attribute("title", "exactly 294,912 parameters")
    page.wait_for_timeout(300)
    assert (explorer.model, explorer.targets) == ("GPT-2", ["c_attn"])
    assert explorer.budget.trainable == 294_912


def test_app_is_served(serve_command, open_tab):
    address = serve_command("panel", "serve", "apps/budget.py", "--port", "0")
    page = open_tab(address).page
    expect(page.get_by_role("heading", level=1)).to_have_text("What does rank 8 train?")
    assert page.title() == "Parameter budget"
