"""W′ = W + s·B·A in a real browser: the same script drives the exported file and the server."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from lora_bokeh import MergeExplorer, save_html
from lora_bokeh.engine.low_rank import LowRank, forward, merged
from lora_bokeh.lora import scale
from lora_bokeh.views.merge.draws import uniform
from lora_bokeh.views.merge.factors import factors_of, start
from tests.browser.explorer_page import eventually
from tests.browser.merge_page import MergePage
from tests.browser.test_merge_functions import groups

RNG_SEED = 5


@pytest.fixture
def open_file(tmp_path, open_tab):
    """Save a view and open the file."""

    def open_one(view, **options):
        save_html(view, tmp_path / "page.html")
        return MergePage(open_tab(tmp_path / "page.html", **options).page)

    return open_one


@pytest.fixture(params=["file", "server"])
def opened(request, open_file, serve_view, open_tab):
    """Open a view from a file with the network cut, or from a server."""
    if request.param == "file":
        return open_file
    return lambda view: MergePage(open_tab(serve_view(lambda: view)).page)


def assert_shown(page: MergePage, W: np.ndarray, update: LowRank, x: np.ndarray) -> None:
    """Compare maps, bars and readouts with NumPy."""
    page.drawn_when(update.todense())
    np.testing.assert_array_equal(page.picture("frozen"), W)
    np.testing.assert_allclose(page.picture("merged"), merged(W, update), atol=1e-12)
    np.testing.assert_allclose(page.vector("x"), x, atol=1e-12)
    np.testing.assert_allclose(page.vector("base"), W @ x, atol=1e-12)
    np.testing.assert_allclose(page.vector("h"), forward(W, update, x), atol=1e-12)
    np.testing.assert_allclose(page.vector("h", "merged"), merged(W, update) @ x, atol=1e-12)
    shown = page.readouts()
    found = np.linalg.matrix_rank(update.B @ update.A)
    assert shown["rank(BA)"][0] == f"{found} ≤ r = {update.rank}"
    assert float(shown["Update ‖s·B·A‖F"][1]) == pytest.approx(update.frobenius_norm, abs=1e-12)


def test_the_model_starts_identical(open_file):
    view = MergeExplorer()
    page = open_file(view)
    expect(page.story).to_contain_text("B = 0, so ΔW = s·B·A = 0")
    assert_shown(page, view.W, view.update, view.x)
    np.testing.assert_array_equal(page.vector("h"), page.vector("h", "merged"))
    assert page.differences() == {"float64": 0, "float32": 0}
    expect(page.root.get_by_text("bit for bit")).to_be_visible()
    expect(page.button("B = 0")).to_have_attribute("aria-pressed", "true")


def test_every_start_is_numpys_at_the_first_ranks_and_the_last(opened):
    view = MergeExplorer()
    page = opened(view)
    for button, kind in (("random", "random"), ("best rank", "best"), ("B = 0", "zero")):
        page.button(button).click()
        for rank, key in ((1, "Home"), (2, "ArrowRight"), (6, "End")):
            page.slider.press(key)
            factors = factors_of(start(kind, 3, 2.0), (6, 6), rank, view._best)
            assert_shown(page, view.W, LowRank(*factors, 2.0), view.x)


def test_best_fit_reaches_the_least_distance_of_its_rank(open_file):
    target = np.random.default_rng(RNG_SEED).standard_normal((5, 7))
    page = open_file(MergeExplorer(np.zeros((5, 7)), target, rank=3))
    s = np.linalg.svd(target, compute_uv=False)
    shown = page.readouts()
    assert float(shown["Distance to the target"][1]) == pytest.approx(np.linalg.norm(target))
    page.button("best rank 3").click()
    expect(page.story).to_contain_text("No update of rank 3 is nearer")
    shown = page.readouts()
    least = np.sqrt(np.sum(s[3:] ** 2))
    for label in ("Distance to the target", "least possible at rank r"):
        assert float(shown[label][1]) == pytest.approx(least, rel=1e-12)
    page.field("α").fill("12")
    expect(page.story).to_contain_text("Now s·B·A is 2 times that")


def test_alpha_follows_the_rank_until_it_is_typed(open_file):
    page = open_file(MergeExplorer(rank=2))
    page.slider.press("End")
    expect(page.field("α")).to_have_value("12")
    assert page.readouts()["Scale s α/r"] == ("2", "2")
    page.field("α").fill("8")
    page.choose("scale", "α/√r (rsLoRA)")
    assert float(page.readouts()["Scale s α/√r"][1]) == pytest.approx(scale(8, 6, True), rel=1e-15)
    page.slider.press("Home")
    assert page.readouts()["Scale s α/√r"][1] == "8"
    page.button("α follows the rank").click()
    expect(page.field("α")).to_have_value("2")
    expect(page.root.get_by_text("s = α/√r = 2/√1 = 2")).to_be_visible()
    expect(page.status).to_contain_text("Rank 1, adapter 1, s = α/√r = 2/√1 = 2")


def test_what_is_typed_is_multiplied_and_its_rank_never_above_r(opened):
    view = MergeExplorer(rank=2)
    page = opened(view)
    B, A = np.zeros((6, 2)), view.A.copy()
    W, x = view.W, view.x.copy()
    for name, M, at, value in [
        ("B row 1 column 2", B, (0, 1), 3.0),
        ("B row 6 column 1", B, (5, 0), -0.123456789),
        ("A row 2 column 4", A, (1, 3), 2.5),
        ("x 3", x, 2, -1.75),
    ]:
        M[at] = value
        page.field(name).fill(str(value))
        assert_shown(page, W, LowRank(B, A, 2.0), x)
    expect(page.story).to_contain_text("rank 2 at most")
    for half_typed in ("1e101", ""):  # nothing changes
        page.field("B row 1 column 2").fill(half_typed)
    page.field("B row 6 column 1").focus()
    expect(page.field("B row 1 column 2")).to_have_value("3")
    expect(page.field("B row 6 column 1")).to_have_value("-0.123")
    page.slider.press("ArrowRight")  # a third column, of zeros: the same update
    page.drawn_when(2 * B @ A)
    assert page.readouts()["rank(BA)"][0] == "2 ≤ r = 3"


def test_adapters_are_swapped_on_weights_that_stay(open_file):
    view = MergeExplorer(rank=3)
    page = open_file(view)
    first, W = view.update.todense(), view.W
    second = LowRank(*factors_of(start("random", 2), (6, 6), 3), 2.0).todense()
    for name, update in (("adapter 2", second), ("adapter 1", first), ("adapter 2", second)):
        page.choose("adapter", name)
        page.drawn_when(update)
        np.testing.assert_array_equal(page.picture("frozen"), W)
        expect(page.root.get_by_text("W: 36 of 36 entries as they were")).to_be_visible()
    cells = page.root.get_by_role("table").get_by_role("cell").all_inner_texts()
    assert cells[-6:-1] == ["dk + r(d + k) = 72", "dk = 36", "288", "144",
                            "36 numbers exchanged, W stays"]  # fmt: skip
    assert page.differences()["float32"] > page.differences()["float64"] > 0
    expect(page.root.get_by_text("that is rounding, not zero")).to_be_visible()


def test_draws_are_reproducible_by_their_seed(open_file):
    page = open_file(MergeExplorer())
    page.button("random B and A").click()
    expect(page.field("seed")).to_have_value("3")
    drawn = LowRank(*factors_of(start("random", 3), (6, 6), 2), 2.0).todense()
    page.drawn_when(drawn)
    page.button("random B and A").click()
    expect(page.field("seed")).to_have_value("4")
    page.field("seed").fill("3")
    page.field("seed").press("Enter")
    page.drawn_when(drawn)
    page.field("seed").fill("1e12")
    page.field("seed").press("Enter")
    expect(page.field("seed")).to_have_value(str(2**32 - 1))
    x = page.vector("x")
    page.button("new x").click()
    expect(page.root.get_by_text("seed 2", exact=True)).to_be_visible()
    assert np.abs(page.vector("x") - x).max() > 0.01
    settle(page, "&input=2")  # else the step may be written over the link
    page.page.evaluate("location.hash = 'input=4294967295'")
    expect(page.root.get_by_text("seed 4294967295", exact=True)).to_be_visible()
    page.button("new x").click()
    expect(page.root.get_by_text("seed 0", exact=True)).to_be_visible()


def test_python_and_page_follow_each_other(serve_view, open_tab):
    view = MergeExplorer()
    tab = open_tab(serve_view(lambda: view))
    page = MergePage(tab.page)
    page.field("B row 2 column 1").fill("1.5")
    page.field("x 1").fill("-2")
    page.choose("scale", "α/√r (rsLoRA)")
    page.slider.press("ArrowRight")

    def sent(name: str) -> list[str]:
        return [frame for frame in map(str, tab.frames) if f'"attr":"{name}"' in frame]

    def heard() -> tuple:
        return len(sent("rank")), view.rank, view.use_rslora, view.B[1, 0], view.x[0]

    eventually(page.page, heard, (1, 3, True, 1.5, -2))
    page.page.wait_for_timeout(500)  # nothing more is sent
    (last,) = sent("rank")
    assert len(last) < 200  # the factors stay where they are
    assert not sent("merged")
    B, A = np.arange(6.0).reshape(6, 1), np.ones((1, 6))
    view.param.update(B=B, A=A, alpha=0.5)
    page.drawn_when(0.5 * B @ A)
    expect(page.field("B row 6 column 1")).to_have_value("5")


def test_numbers_are_in_the_cells_and_say_what_they_are_multiplied_by(open_file):
    W = 0.001 * np.random.default_rng(RNG_SEED).standard_normal((16, 16))
    page = open_file(MergeExplorer(W))
    parts = [page.drawn("frozen", name) for name in ("numbers", "numbers-on-colour")]
    numbers = {
        (y, x): float(text.replace("−", "-"))
        for part in parts
        for y, x, text in zip(part["y"], part["x"], part["text"], strict=True)
    }
    assert len(numbers) == 256
    for (row, column), number in numbers.items():
        assert number * 1e-3 == pytest.approx(W[row - 1, column - 1], abs=0.51e-5)
    label = page.axis_label("colours")
    assert label.endswith("numbers in the cells × 1e−3")


def test_large_weights_are_pictured_by_means_and_not_typed(open_file):
    rng = np.random.default_rng(RNG_SEED)
    W = rng.standard_normal((200, 384)).astype(np.float32)
    view = MergeExplorer(W, rank=8)
    page = open_file(view)
    page.choose("adapter", "adapter 2")
    B, A = factors_of(start("random", 2), W.shape, 8)
    rows, columns = (groups(n) for n in W.shape)
    update = 2 * B @ A
    page.drawn_when(np.array([[update[np.ix_(i, j)].mean() for j in columns] for i in rows]))
    expect(page.root).to_have_attribute("aria-busy", "false")  # what is computed at rest is there
    assert page.readouts()["rank(BA)"][0] == "8 ≤ r = 8"
    h = W.astype(float) @ view.x + update @ view.x
    np.testing.assert_allclose(page.vector("h", "merged"), h, atol=1e-10)
    assert page.root.get_by_role("spinbutton", name=re.compile("^B row")).count() == 0
    expect(page.root.get_by_text("mean over a block of at most 3 × 4 entries")).to_be_visible()


def test_refused_weights_leave_a_notice(open_file):
    page = open_file(MergeExplorer([[1, 2], [3]]))
    expect(page.root.get_by_text(re.compile("row 1 has 1 entries.*default"))).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_is_too_wide(scheme, width, open_file, violations):
    page = open_file(MergeExplorer(), color_scheme=scheme, width=width)
    page.choose("adapter", "adapter 2")
    assert violations(page.page) == []
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_are_named_and_the_live_region_speaks_once(open_file):
    page = open_file(MergeExplorer())
    names = [figure.get_attribute("aria-label") for figure in page.figures.all()]
    assert names[0] == "Frozen W: 6 × 6, magnitudes to 3."
    assert names[3] == "Colour scale of all three, from −3 over 0 to 3."
    assert len(names) == 8
    page.status.evaluate(
        """(status) => {
            window.said = [];
            new MutationObserver(() => said.push(status.textContent))
                .observe(status, { childList: true, characterData: true, subtree: true });
        }"""
    )
    page.slider.evaluate(  # from within the page: no key may come late on a busy machine
        """(slider) => [3, 4, 5].forEach((rank) => {
            slider.value = rank;
            slider.dispatchEvent(new Event("input"));
        })"""
    )
    said = "Rank 5, adapter 1, s = α/r = 10/5 = 2: the rank of B A is 0."
    expect(page.status).to_contain_text(said)
    assert page.page.evaluate("said.length") == 1


def test_figures_are_saved_with_their_numbers(open_file, tmp_path):
    page = open_file(MergeExplorer(rank=1), color_scheme="dark")
    page.choose("adapter", "adapter 2")
    page.root.get_by_label("Save: Update s·B·A").press("Enter")
    with page.page.expect_download() as download:
        page.root.get_by_role("button", name="SVG").press("Enter")
    assert download.value.suggested_filename == "Update-s-B-A-6-x-6-rank-1.svg"
    svg = ElementTree.parse(download.value.path())
    texts = ["".join(each.itertext()) for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    update = LowRank(*factors_of(start("random", 2), (6, 6), 1), 2.0).todense()
    for value in update.ravel():
        assert f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−") in texts
    assert {"Update s·B·A", "row", "column"} <= set(texts)


def settle(page: MergePage, text: str) -> None:
    """Wait until a change has become a step: the address follows it."""
    page.page.wait_for_url(re.compile(re.escape(text) + "(&|$)"))


def tab_to(page: MergePage, target: Locator) -> None:
    """Press Tab until a control has the focus."""
    for _ in range(60):
        page.page.keyboard.press("Tab")
        if target.evaluate("element => element === element.getRootNode().activeElement"):
            return
    raise AssertionError(f"Tab does not come to {target}")


def test_everything_is_done_by_keyboard_alone(open_file):
    view = MergeExplorer()
    page = open_file(view)
    steps = [
        (page.slider, ["ArrowRight"]),
        (page.field("α"), ["Control+a", "9"]),
        (page.root.get_by_role("radio", name="α/r", exact=True), ["ArrowRight"]),
        (page.root.get_by_role("radio", name="adapter 1"), ["ArrowRight"]),
        (page.button("random B and A"), ["Enter"]),
        (page.field("B row 6 column 3"), ["Control+a", "7"]),
        (page.field("A row 1 column 1"), ["ArrowUp"]),
        (page.button("new x"), ["Space"]),
        (page.field("x 6"), ["Control+a", "4"]),
        (page.root.get_by_label("Save: h"), ["Enter", "Escape"]),
    ]
    for target, keys in steps:
        tab_to(page, target)
        for key in keys:
            page.page.keyboard.press(key)
    B, A = factors_of(start("random", 3), (6, 6), 3)
    B[5, 2], A[0, 0] = 7, page.field("A row 1 column 1").input_value()
    x = uniform(2, "x", 6)
    x[5] = 4
    assert A[0, 0] != view.A[0, 0]
    assert_shown(page, view.W, LowRank(B, A, scale(9, 3, True)), x)


def test_link_brings_back_what_was_chosen_and_typed(address_of, open_tab):
    address = address_of(MergeExplorer)
    sent = MergePage(open_tab(address, reduced_motion="reduce").page)
    assert "#" not in sent.page.url
    sent.choose("adapter", "adapter 2")
    sent.field("seed").fill("7")
    sent.field("seed").press("Enter")
    sent.field("B row 6 column 2").fill("0.125")
    sent.field("A row 2 column 4").fill("-3e-7")
    sent.field("x 3").fill("-1.75")
    sent.slider.press("ArrowRight")
    sent.field("α").fill("4.5")
    sent.choose("scale", "α/√r (rsLoRA)")
    settle(
        sent,
        "#rank=3&alpha=4.5&use_rslora=true&adapter=2"
        "&adapters=zero~1_random~7*B6.2~0.125*A2.4~-3e-7&input=1*x1.3~-1.75",
    )
    received = MergePage(open_tab(sent.page.url, reduced_motion="reduce").page)
    B, A = factors_of(start("random", 7), (6, 6), 3)
    B[5, 1], A[1, 3] = 0.125, -3e-7
    view = MergeExplorer()
    x = view.x.copy()
    x[2] = -1.75
    for page in (sent, received):
        assert_shown(page, view.W, LowRank(B, A, scale(4.5, 3, True)), x)
    assert received.readouts() == sent.readouts()
    assert received.differences() == sent.differences()
    received.choose("adapter", "adapter 1")
    expect(received.story).to_contain_text("B = 0")


def test_each_settled_change_is_taken_back_and_brought_again(opened):
    view = MergeExplorer()
    page = opened(view)
    undo, redo = (page.root.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    expect(undo).to_have_attribute("aria-disabled", "true")
    page.button("best rank 2").click()
    settle(page, "adapters=best~1~2_random~2&input=1")
    fitted = LowRank(*factors_of(start("best", 1, 2.0), (6, 6), 2, view._best), 2.0)
    page.field("B row 1 column 1").fill("2")
    settle(page, "adapters=best~1~2*B1.1~2_random~2&input=1")
    B = fitted.B.copy()
    B[0, 0] = 2
    typed = LowRank(B, fitted.A, 2.0)
    page.button("new x").click()  # not settled yet: taken back all the same
    drawn = uniform(2, "x", 6)
    assert_shown(page, view.W, typed, drawn)
    undo.click()
    assert_shown(page, view.W, typed, uniform(1, "x", 6))
    undo.press("Control+z")
    assert_shown(page, view.W, fitted, uniform(1, "x", 6))
    expect(page.button("best rank 2")).to_have_attribute("aria-pressed", "true")
    page.page.keyboard.press("Control+z")
    expect(page.story).to_contain_text("B = 0, so ΔW = s·B·A = 0")
    expect(undo).to_have_attribute("aria-disabled", "true")
    for _ in range(3):
        redo.click()
    assert_shown(page, view.W, typed, drawn)
    expect(redo).to_have_attribute("aria-disabled", "true")


def test_bookmark_brings_back_typed_factors_after_a_reload(open_file):
    page = open_file(MergeExplorer(rank=1))
    page.field("B row 3 column 1").fill("1.5")
    menu = page.root.get_by_text("Bookmarks", exact=True)
    menu.press("Enter")
    page.root.get_by_role("button", name="Add").press("Enter")
    expect(page.status).to_have_text("Bookmark adapter 1, rank 1, s = 2 added.")
    page.page.goto(page.page.url.split("#")[0])
    page.page.reload()
    expect(page.story).to_contain_text("B = 0")
    menu.click()
    page.root.get_by_role("button", name="adapter 1, rank 1, s = 2", exact=True).click()
    expect(page.field("B row 3 column 1")).to_have_value("1.5")


MEANINGLESS = [
    *("adapters=best~1~2_zero~1", "adapters=zero~1", "adapters=zero~4294967296_zero~1"),
    *("adapters=zero~1*B7.1~1_zero~1", "adapters=zero~1*A1.7~1_zero~1", "adapters=own_zero~1"),
    *("adapters=zero~1*x1.1~1_zero~1", "adapters=zero~1*B1.1~1e101_zero~1", "input=own"),
    *("input=1*x1.0~1", "input=1*x1.1~ten", "input=-1", "adapter=3", "use_rslora=constructor"),
]


def test_link_that_means_nothing_here_is_said_and_changes_nothing(open_file):
    page = open_file(MergeExplorer(np.eye(6)))
    for asked in MEANINGLESS:
        page.page.evaluate("asked => { location.hash = asked; }", asked)
        expect(page.root.get_by_text(f"The link asks for {asked}, which means")).to_be_visible()
    expect(page.story).to_contain_text("B = 0")
    undo = page.root.get_by_role("button", name="Undo")
    expect(undo).to_have_attribute("aria-disabled", "true")


def test_link_names_what_python_set_where_it_is_too_much_to_carry(open_file, open_tab):
    rng = np.random.default_rng(RNG_SEED)
    B, A = rng.standard_normal((40, 2)), rng.standard_normal((2, 30))
    view = MergeExplorer(rng.standard_normal((40, 30)), B=B, A=A)
    page = open_file(view)
    page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.button("B = 0").click()
    expect(page.story).to_contain_text("B = 0, so")
    page.button("Undo").click()
    page.drawn_when(2 * B @ A)
    page.slider.press("Home")
    settle(page, "#rank=1&use_rslora=false&adapter=1&adapters=own_random~2&input=1")
    page.button("Copy link").click()
    expect(page.status).to_contain_text("does not carry the entries that were set from Python")
    received = MergePage(open_tab(page.page.url).page)
    received.drawn_when(2 * B[:, :1] @ A[:1])


def test_the_app_is_served(serve_command, open_tab):
    address = serve_command("panel", "serve", "apps/merge.py", "--port", "0")
    page = MergePage(open_tab(address).page)
    expect(page.root.get_by_role("heading", level=1)).to_have_text("W′ = W + s·B·A")
