"""The views from Python: bounds, links both ways, targets, notices, several displays."""

import numpy as np
import panel as pn
import param
import pytest

from lora_bokeh import FactorizationPlot, LoraExplorer, LowRank, RankExplorer
from lora_bokeh.views.shared.component import Shell

VIEWS = [FactorizationPlot, RankExplorer, LoraExplorer]


def shell_of(view) -> Shell:
    return view.__panel__()


@pytest.mark.parametrize(
    ("view", "last"),
    [
        (FactorizationPlot(d=64), 32),
        (FactorizationPlot(d=64, k=10), 5),
        (FactorizationPlot(d=1), 1),
        (RankExplorer(np.ones((3, 7))), 3),
        (LoraExplorer(np.ones((9, 4))), 4),
    ],
)
def test_rank_is_clamped(view, last):
    view.rank = 10_000
    assert view.rank == last
    view.rank = -3
    assert view.rank == 1
    with pytest.raises(ValueError, match="rank"):
        view.rank = 2.5


def test_rank_is_clamped_when_the_shape_shrinks():
    view = FactorizationPlot(d=64, rank=30)
    view.k = 20
    assert view.rank == 10
    explorer = RankExplorer(np.eye(9), rank=9)
    explorer.target_matrix = np.eye(5)
    assert explorer.rank == 5


@pytest.mark.parametrize("make", VIEWS)
def test_two_views_share_nothing(make):
    first, second = make(), make()
    before = second.rank
    first.rank = 4
    assert second.rank == before
    assert second.param["rank"].bounds == make().param["rank"].bounds


@pytest.mark.parametrize("make", VIEWS)
def test_page_and_python_follow_each_other(make):
    view = make()
    shell = shell_of(view)
    view.rank = 3
    assert shell.rank == 3
    heard = []
    view.param.watch(lambda event: heard.append(event.new), "rank")
    shell.rank = 2  # as the browser does
    assert view.rank == 2
    assert heard == [2]
    view.rank = 4
    assert shell.rank == 4


class Owner(param.Parameterized):
    value = param.Integer(default=2, bounds=(1, 6))


@pytest.mark.parametrize("make", VIEWS)
def test_reference_links_both_ways_and_outlives_a_drag(make):
    owner = Owner()
    view = make(rank=owner.param.value)
    assert view.rank == 2
    shell_of(view).rank = 3  # a drag in the page
    assert owner.value == 3
    owner.value = 4
    assert view.rank == 4


def test_widget_and_bound_function_are_references_too():
    slider = pn.widgets.IntSlider(value=2, start=1, end=8)
    view = RankExplorer(
        rank=slider, metric=pn.bind(lambda v: "spectral" if v > 4 else "frobenius", slider)
    )
    slider.value = 5
    assert (view.rank, view.metric) == (5, "spectral")
    shell_of(view).rank = 3
    assert slider.value == 3


def test_linked_views_drive_one_another():
    plot = FactorizationPlot(d=64)
    explorer = RankExplorer(np.eye(32), rank=plot.param.rank)
    shell_of(explorer).rank = 7
    assert plot.rank == 7
    shell_of(plot).rank = 20
    assert explorer.rank == 20


def test_displays_of_one_view_have_models_of_their_own():
    view = LoraExplorer()
    first, second = shell_of(view), shell_of(view)
    assert first.curve.object is not second.curve.object
    first.rank = 6
    assert second.rank == 6


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        ([[1, 2], [3]], "row 1 has 1 entries"),
        ([[1, np.nan]], "row 0, column 1"),
        ([[1, 2j]], "complex"),
        (np.ones((2, 2, 2)), "2-D"),
    ],
)
@pytest.mark.parametrize("make", [RankExplorer, LoraExplorer])
def test_refused_matrix_gives_a_notice_and_the_default(make, matrix, sentence):
    view = make(matrix)
    assert sentence in view.notice
    assert view.notice.endswith("showing the default target instead.")
    assert view.target == "two directions + noise"
    assert shell_of(view).notice == view.notice
    view.target_matrix = np.eye(3)
    assert view.notice == ""
    assert view.spectrum.shape == (3, 3)


def test_new_matrix_reaches_a_page_that_is_open():
    view = LoraExplorer(name="mine")
    shell = shell_of(view)
    view.target_matrix = np.diag([3.0, 2.0, 1.0])
    assert shell.target == "mine"
    np.testing.assert_allclose(shell.targets["mine"]["spectral"], [2, 1, 0], atol=1e-15)
    assert view.rank <= 3


def test_gallery_is_on_offer_beside_a_matrix():
    view = LoraExplorer(np.eye(4), name="I")
    assert list(view.targets)[:2] == ["I", "two directions + noise"]
    shell_of(view).target = "flat"
    assert view.target == "flat"
    assert view.spectrum.shape == (16, 16)
    with pytest.raises(ValueError, match="no target 'flatt'; choose one of: I, "):
        view.target = "flatt"


def test_choosing_target_and_rank_at_once_keeps_the_rank():
    view = LoraExplorer()
    shell_of(view).param.update(rank=60, target="power law")
    assert (view.target, view.rank) == ("power law", 60)


@pytest.mark.parametrize(
    ("matrix", "rank"),
    [(np.diag([10.0, 1, 1, 1]), 1), (np.diag([2.0, 2, 2, 0, 0, 0, 0, 0]), 3), (np.eye(8), 4)],
)
def test_explorer_starts_where_ninety_percent_is_captured_or_at_break_even(matrix, rank):
    assert LoraExplorer(matrix).rank == rank


def test_low_rank_pair_is_a_target():
    rng = np.random.default_rng(0)
    pair = LowRank(rng.standard_normal((30, 2)), rng.standard_normal((2, 20)), scale=0.5)
    view = LoraExplorer(pair, rank=2)
    assert view.targets["W"]["scale"] == 0.5
    assert view.spectrum.captured_energy(2) == pytest.approx(1)


@pytest.mark.parametrize("make", VIEWS)
def test_every_parameter_of_the_signature_is_documented(make):
    import inspect

    for name in inspect.signature(make).parameters:
        if name != "params":
            assert f"    {name} :" in make.__doc__
