"""Training in the page: the losses of Python, above the floor, by keyboard, in file and server."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from lora_bokeh import TrainingExplorer, save_html, targets, train
from lora_bokeh.training.milestones import kept_steps, milestones
from tests.browser.explorer_page import ExplorerPage, expect_drawn
from tests.helpers import naive

W = targets.noise((8, 8), seed=0)
TARGET = "random normal 8 × 8"


@dataclass
class TrainingTab:
    """A training on a page, by roles and names."""

    page: Page
    nth: int = 0

    def __post_init__(self) -> None:
        expect(self.button("Step")).to_be_visible()
        expect_drawn(self.page.locator(".explorer"))

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def slider(self, name: str) -> Locator:
        return self.page.get_by_role("slider", name=name)

    def choose(self, name: str, option: str) -> None:
        self.page.get_by_role("combobox", name=name).select_option(option)

    @property
    def status(self) -> Locator:
        return self.page.get_by_role("status")

    def readout(self, label: str) -> Locator:
        region = self.page.get_by_role("region", name="readouts")
        return region.locator("dl > div", has_text=label).locator("dd").first

    def rows(self) -> list[list[str]]:
        """Return the cells of the table of steps."""
        rows = self.page.get_by_role("table").locator("tbody tr").all()
        return [row.locator("th, td").all_inner_texts() for row in rows]

    def losses(self) -> list[float]:
        return [float(row[1].replace("−", "-")) for row in self.rows()]

    def run(self) -> None:
        """Start, and wait for the end."""
        self.button("Start").click()
        expect(self.status).to_have_text(re.compile(r"Step ([\d,]+) of \1:|Diverged"))

    def drawn(self, renderer: str) -> dict[str, list]:
        """Return the columns that a renderer of the figure is drawn from."""
        return ExplorerPage.drawn(self, "loss", renderer)


@pytest.fixture(scope="module")
def default_file(tmp_path_factory):
    """The file of the default view."""
    path = tmp_path_factory.mktemp("training") / "training.html"
    save_html(TrainingExplorer(), path)
    return path


@pytest.fixture
def open_file(default_file, open_tab):
    """Open the file with the network cut; under reduced motion a run is shown at once."""

    def open_one(**options) -> TrainingTab:
        return TrainingTab(open_tab(default_file, **{"reduced_motion": "reduce", **options}).page)

    return open_one


def test_file_shows_the_losses_of_the_twin(open_file):
    tab = open_file()
    assert tab.page.get_by_role("table").locator("td").all_inner_texts()[:3] == [
        "0.836160",
        "0.00 %",
        "0.5372",
    ]
    tab.run()
    twin = naive.train(W, 2, 1000, 0.01)[::100]
    assert tab.losses() == pytest.approx(list(twin), rel=1e-5)
    assert [row[0] for row in tab.rows()] == [f"{step:,}" for step in range(0, 1001, 100)]
    floor = np.sum(naive.singular_values(W)[2:] ** 2) / 64
    expect(tab.readout("Floor of rank 2")).to_have_text(f"{floor:.4f}")
    expect(tab.readout("‖∂L/∂A‖")).to_have_text("0")
    expect(tab.readout("Improvement")).to_have_text("64.2 %")
    expect(tab.page.get_by_text("At the floor: no B and A of rank 2 do better")).to_be_visible()


def test_file_holds_every_rank_and_none_gets_below_its_floor(open_file):
    tab = open_file()
    tab.slider("rank").press("Home")
    for rank in range(1, 9):
        expect(tab.slider("rank")).to_have_value(str(rank))
        tab.run()
        training = train(W, rank)
        assert tab.losses() == pytest.approx(list(training.loss[::100]), rel=1e-5, abs=1e-12)
        drawn = tab.drawn("curve")
        assert drawn["step"][-1] == 1000
        assert min(drawn["loss"]) >= training.floor
        tab.slider("rank").press("ArrowRight")
        expect(tab.status).to_contain_text("Step 0 of 1,000" if rank < 8 else "Step 1,000")


def test_file_holds_rates_optimizers_starts_and_targets(open_file):
    tab = open_file()
    tab.page.get_by_role("radio", name="plain descent").check()
    for _ in range(4):
        tab.slider("learning rate").press("ArrowRight")
    expect(tab.slider("learning rate")).to_have_attribute("aria-valuetext", "1")
    tab.choose("start at", "both random")
    tab.choose("target", "clean rank 3")
    expect(tab.status).to_contain_text("Step 0")
    tab.run()
    training = train(targets.clean(), 2, optimizer="sgd", learning_rate=1.0, init="random")
    assert tab.losses() == pytest.approx(list(training.loss[::100]), rel=1e-5)
    limit = 12 * 16 / (2 * naive.singular_values(targets.clean())[0])
    expect(tab.readout("Rate limit")).to_have_text(f"{limit:.2f}")


def test_divergence_and_standstill_are_said(open_file):
    tab = open_file()
    tab.choose("start at", "B = 0, A = 0")
    tab.run()
    expect(tab.page.get_by_text("Stuck: with B = 0 and A = 0 both gradients")).to_be_visible()
    assert len(set(tab.losses())) == 1
    tab.choose("start at", "B = 0, A random")
    tab.page.get_by_role("radio", name="plain descent").check()
    tab.slider("learning rate").press("End")
    tab.run()
    end = train(W, 2, optimizer="sgd", learning_rate=10.0).diverged
    expect(tab.status).to_contain_text(f"Diverged at step {end}")
    expect(tab.readout("Loss")).to_have_text("diverged")
    assert min(tab.drawn("curve")["loss"]) >= train(W, 2).floor
    assert "nan" not in tab.page.content().lower().split("</script>")[-1]


def test_by_keyboard_start_pause_step_and_reset(open_file):
    tab = open_file(reduced_motion="no-preference")
    tab.button("Start").press("Enter")
    tab.button("Pause").press("Enter")
    expect(tab.status).to_contain_text("Step")
    at = tab.drawn("curve")["step"][-1]
    assert at < 1000
    tab.button("Step").press("Enter")
    tab.page.wait_for_timeout(300)
    assert tab.drawn("curve")["step"][-1] > at
    tab.slider("learning rate").press("ArrowRight")
    assert len(tab.drawn("earlier")["x"]) == 1
    for step in range(1, 4):
        tab.button("Step").press("Space")
        expect(tab.readout("Step")).to_have_text(f"{step} of 1,000")
    tab.button("Reset").press("Enter")
    expect(tab.readout("Step")).to_have_text("0 of 1,000")
    assert tab.drawn("earlier")["x"] == []
    tab.button("Start").press("Enter")
    expect(tab.button("Start")).to_be_visible()
    expect(tab.status).to_contain_text("Step 1,000 of 1,000")


def test_link_history_and_what_is_saved(open_file, default_file, open_tab):
    tab = open_file()
    tab.slider("rank").press("End")
    tab.choose("start at", "both random")
    expect(tab.page).to_have_url(re.compile("init=random"))
    again = TrainingTab(open_tab(tab.page.url, reduced_motion="reduce").page)
    expect(again.slider("rank")).to_have_value("8")
    expect(again.page.get_by_role("combobox", name="start at")).to_have_value("random")
    again.run()
    again.page.get_by_label("Save: The loss against the floor of its rank").click()
    with again.page.expect_download() as download:
        again.button("CSV").click()
    assert download.value.suggested_filename == "random-normal-8-8-rank-8-adam-0.01.csv"
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    training = train(W, 8, init="random")
    kept = kept_steps(1000)
    assert [int(row["step"]) for row in rows] == kept.tolist()
    loss = [float(row["loss"]) for row in rows]
    assert loss == pytest.approx(list(training.loss[kept]), rel=1e-6, abs=1e-15)
    tab.button("Undo").click()
    expect(tab.page.get_by_role("combobox", name="start at")).to_have_value("lora")


def test_figure_is_named_and_the_page_is_sound(open_file, violations):
    for scheme in ("light", "dark"):
        tab = open_file(color_scheme=scheme, width=390)
        assert violations(tab.page) == []
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
        tab.run()
        assert violations(tab.page) == []
    expect(tab.page.get_by_role("figure")).to_have_attribute(
        "aria-label",
        "Loss, on a logarithmic axis, against step 0 to 1,000, rank 2, Adam, learning rate 0.01. "
        "Step 1,000 of 1,000: loss 0.2990, 64.2 % below the start. The floor of rank 2 is 0.2990.",
    )


def test_served_page_grows_pauses_and_goes_on(serve_view, open_tab):
    target = targets.power_law(shape=(96, 80))
    steps = 100_000  # more than are taken before Pause, and 300 is none of those the page holds
    views = []

    def make() -> TrainingExplorer:
        views.append(TrainingExplorer(target, rank=40, steps=steps, name="large"))
        return views[-1]

    tab = TrainingTab(open_tab(serve_view(make), reduced_motion="reduce").page)
    (view,) = views
    tab.button("Start").click()
    expect(tab.readout("Step")).to_have_text(re.compile(r"[1-9][\d,]* of 100,000"))
    tab.button("Pause").click()
    expect(tab.page.get_by_text("computing: step")).to_be_hidden()
    known = len(view.training.loss)
    assert 1 < known < steps
    tab.page.wait_for_timeout(300)
    assert len(view.training.loss) == known
    tab.choose("steps", "300")
    tab.run()
    expect(tab.readout("Step")).to_have_text("300 of 300")
    assert tab.losses() == pytest.approx(list(train(target, 40, steps=300).loss[::30]), rel=1e-5)
    view.pause()


def test_python_and_the_served_page_follow_each_other(serve_view, open_tab):
    views = []

    def make() -> TrainingExplorer:
        views.append(TrainingExplorer(rank=2, steps=100))
        return views[-1]

    tab = TrainingTab(open_tab(serve_view(make), reduced_motion="reduce").page)
    (view,) = views
    tab.slider("rank").press("ArrowRight")
    tab.page.get_by_role("radio", name="plain descent").check()
    tab.run()
    assert (view.rank, view.optimizer, len(view.training.loss)) == (3, "sgd", 101)
    tab.choose("target", "flat")
    tab.slider("rank").press("End")
    tab.button("Step").click()
    expect(tab.readout("Step")).to_have_text("1 of 100")
    assert (view.rank, view.target) == (16, "flat")


def test_pure_functions_are_pythons(call_each):
    calls = [[steps] for steps in (1, 2, 9, 10, 37, 100, 1000, 9999)]
    said = call_each("training/state.mjs", "milestones", calls)
    assert said == [milestones(steps).tolist() for (steps,) in calls]
    rng = np.random.default_rng(0)
    ends = [
        [10**low, 10 ** (low + span)] for low, span in rng.uniform([-20, 0.01], [3, 18], (40, 2))
    ]
    for (low, high), ticks in zip(
        ends, call_each("training/loss.mjs", "logTicks", ends), strict=True
    ):
        assert 2 <= len(ticks) <= 8
        assert all(low <= tick <= high for tick in ticks)
        assert ticks == sorted(ticks)
