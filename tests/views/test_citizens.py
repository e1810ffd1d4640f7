"""Views as citizens of Panel: displays that end, places, layout, copies, titles, pages on file."""

import copy
import gc
import pickle

import numpy as np
import panel as pn
import pytest
from bokeh.document import Document
from bokeh.embed import components, file_html
from bokeh.model import Model
from bokeh.resources import CDN
from panel.io.document import _cleanup_doc
from pyviz_comms import Comm, JupyterComm

from lora_bokeh import (
    BudgetExplorer,
    FactorizationPlot,
    Lesson,
    LoraExplorer,
    MergeExplorer,
    RankExplorer,
    TrainingExplorer,
    save_html,
    view_of,
)

W = np.random.default_rng(0).normal(size=(12, 10))


class Quiet(Comm):
    """Leads to a notebook that hears nothing."""


class InSession(Document):
    """A document that belongs to a session."""

    def __init__(self):
        super().__init__()
        self._session_context = lambda: self

    server_context = None


MAKES = {
    "explorer": lambda **params: LoraExplorer(W, rank=3, **params),
    "ranks": lambda **params: RankExplorer(W, rank=3, **params),
    "factors": lambda **params: FactorizationPlot(d=64, rank=3, **params),
    "merge": lambda **params: MergeExplorer(W, rank=3, **params),
    "training": lambda **params: TrainingExplorer(W, rank=3, steps=20, **params),
    "budget": lambda **params: BudgetExplorer(rank=3, **params),
    "lesson": Lesson,
}
RANKED = [name for name in MAKES if name != "lesson"]


@pytest.fixture(params=MAKES)
def make(request):
    return MAKES[request.param]


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "three.npz"
    np.savez(path, **{f"layers.{i}.q.weight": W + i for i in range(3)})
    return path


def displayed(shown, comm=None):
    """Begin a display; return its document and its model."""
    doc = Document()
    root = shown.get_root(doc, comm)
    doc.add_root(root)
    return doc, root


def end(doc):
    _cleanup_doc(doc)


def models():
    for _ in range(3):  # what is collected may end what else was held
        gc.collect()
    return sum(isinstance(each, Model) for each in gc.get_objects())


def watchers(view):
    return sum(len(each) for kinds in view.param.watchers.values() for each in kinds.values())


def test_a_display_ends_with_the_display(make):
    view = make()

    def cycle():
        doc, _ = displayed(pn.panel(view), Quiet())
        end(doc)

    cycle()
    before = (models(), watchers(view), len(view._pages))
    for _ in range(3):
        cycle()
    assert (models(), watchers(view), len(view._pages)) == before
    assert before[2] == 0


def test_a_layout_that_drops_a_view_ends_its_display():
    view = MAKES["explorer"]()
    box = pn.Column(view)
    displayed(box)
    assert len(view._pages) == 1
    box.clear()
    assert len(view._pages) == 0


def test_a_page_shown_again_is_told_what_it_missed():
    view = MAKES["explorer"]()
    page = pn.panel(view)
    box = pn.Column(page)
    _, root = displayed(box)
    box.clear()
    view.rank = 7
    assert page.rank == 3
    box.append(page)
    assert page.rank == 7
    assert root.children[0].data.rank == 7
    view.rank = 8
    assert root.children[0].data.rank == 8


def test_one_layout_is_shown_in_many_sessions():
    view = MAKES["explorer"]()
    box = pn.Column(view)
    (first, one), (second, other) = displayed(box), displayed(box)
    figures = [root.children[0].data.curve for root in (one, other)]
    assert figures[0] is not figures[1]
    view.rank = 5
    assert [root.children[0].data.rank for root in (one, other)] == [5, 5]
    end(first)  # Panel takes the watchers of a layout that a session ends with
    end(second)
    assert len(view._pages) == 0


def test_a_display_goes_on_when_another_one_ends():
    view = MAKES["explorer"]()
    (first, _), (_, other) = displayed(pn.panel(view)), displayed(pn.panel(view))
    end(first)
    view.rank = 6
    assert other.data.rank == 6


def places(root):
    return [child.data.place for child in root.children]


def test_a_view_keeps_its_place_as_long_as_it_lives():
    one, two, three = (RankExplorer(W, addressed=True) for _ in range(3))
    box = pn.Column(one, two)
    _, root = displayed(box)
    assert places(root) == [1, 2]
    box.pop(0)
    assert places(root) == [2]
    box.append(three)
    box.append(one)
    assert places(root) == [2, 3, 1]
    box.pop(1)
    assert places(root) == [2, 1]


def test_views_of_a_lesson_have_no_part_of_the_address():
    root = pn.Column(Lesson(), RankExplorer(W)).get_root(InSession())
    assert places(root) == [1, 2]
    lesson = root.children[0].data
    assert lesson.addressed
    assert not any(getattr(lesson, name).data.addressed for name in ("explorer", "merge", "budget"))


@pytest.mark.parametrize(
    ("doc", "comm", "hosted", "addressed"),
    [
        (InSession, None, True, True),
        (Document, JupyterComm, True, False),
        (Document, None, False, True),  # a file, as Bokeh makes one
    ],
)
def test_a_page_knows_where_it_is(doc, comm, hosted, addressed):
    for wanted in (None, True, False):
        view = RankExplorer(W, addressed=wanted)
        data = pn.panel(view).get_root(doc(), comm and comm("id")).data
        assert data.hosted is hosted
        assert data.addressed is (addressed if wanted is None else wanted)


def test_layout_and_theme_are_arguments_and_stay_live(make):
    view = make(width=420, theme="dark", margin=4, css_classes=["mine"])
    _, root = displayed(pn.panel(view))
    assert (root.sizing_mode, root.width, root.margin) == ("fixed", 420, 4)
    assert (root.css_classes, root.data.theme) == (["mine"], "dark")
    view.param.update(width=None, theme=None, visible=False)
    assert (root.sizing_mode, root.width, root.visible) == ("stretch_width", None, False)
    assert root.data.theme == ""
    view.sizing_mode = "stretch_both"
    assert root.sizing_mode == "stretch_both"


def test_a_width_that_is_stretched_is_refused():
    with pytest.raises(ValueError, match="stretches the view, so width=400 has no meaning"):
        RankExplorer(W, width=400, sizing_mode="stretch_width")


def changed(view):
    if "rank" in view.param:
        view.rank = 2
    if isinstance(view, Lesson):
        view.act = 3
    return view


@pytest.mark.parametrize("copied", [lambda v: v.clone(), copy.copy, copy.deepcopy])
def test_a_copy_is_like_the_view_and_goes_its_own_way(make, copied):
    view = changed(make(theme="dark"))
    other = copied(view)
    assert type(other) is type(view)
    assert other.theme == "dark"
    state = {name: getattr(view, name) for name in view._heard}
    assert {name: getattr(other, name) for name in view._heard} == state
    other.param.update(**({"act": 2} if isinstance(view, Lesson) else {"rank": 1}))
    assert {name: getattr(view, name) for name in view._heard} == state


def test_a_clone_takes_changes(npz):
    view = LoraExplorer(W, 3, name="mine", alpha=8)
    other = view.clone(rank=5, metric="spectral")
    assert (other.rank, other.metric, other.alpha) == (5, "spectral", 8)
    assert (other.target, view.rank) == ("mine", 3)
    smaller = view.clone(target_matrix=W[:2])
    assert (smaller.rank, smaller.spectrum.shape) == (2, (2, 10))
    listed = view_of(npz)
    listed.choose("layers.2.q.weight")
    listed.rank = 4
    again = listed.clone()
    assert (again.target, again.rank) == ("layers.2.q.weight", 4)


def test_a_clone_follows_the_same_references():
    slider = pn.widgets.IntSlider(value=2, start=1, end=9)
    other = RankExplorer(W, rank=slider).clone()
    slider.value = 6
    assert other.rank == 6


def test_a_merge_is_copied_with_its_entries():
    view = MergeExplorer(W, rank=2, B=np.ones((12, 2)), A=np.ones((2, 10)))
    view.adapter = 2
    view.B = 2 * view.B
    other = view.clone()
    np.testing.assert_array_equal(other.B, view.B)
    other.adapter = view.adapter = 1
    np.testing.assert_array_equal(other.B, view.B)


def test_a_model_of_ones_own_is_cloned():
    model = BudgetExplorer()._shown._replace(name="mine")
    assert BudgetExplorer(model, rank=4).clone().model == "mine"


def test_pickling_says_why_not(make):
    with pytest.raises(TypeError, match="cannot be pickled: it may be computing"):
        pickle.dumps(make())


def test_a_page_is_cloned_with_its_view():
    page = pn.panel(MAKES["explorer"]())
    other = page.clone(width=300, sizing_mode="fixed")
    assert other.view is page.view
    assert other.width == 300
    assert other.curve is not page.curve


TITLES = {
    "explorer": "LoRA explorer",
    "ranks": "LoRA explorer",
    "factors": "LoRA factorization",
    "merge": "LoRA merge",
    "training": "LoRA training",
    "budget": "LoRA budget",
    "lesson": "LoRA, by doing",
}


@pytest.mark.parametrize("name", TITLES)
def test_the_tab_has_a_title_where_nobody_gives_one(name, tmp_path):
    view = MAKES[name]()
    doc, _ = displayed(pn.panel(view))
    assert doc.title == TITLES[name]
    doc.title = "mine"
    displayed(pn.panel(view))
    assert doc.title == "mine"
    view.save(tmp_path / "page.html", resources="inline")
    assert f"<title>{TITLES[name]}</title>" in (tmp_path / "page.html").read_text("utf-8")
    titled = pn.template.FastListTemplate(title="Theirs", main=[view])
    assert titled.server_doc(Document()).title == "Theirs"


def test_a_file_is_called_by_its_name(npz):
    doc, _ = displayed(pn.panel(view_of(npz)))
    assert doc.title == "three.npz"


def test_what_is_saved_is_finished_and_leaves_nothing(tmp_path):
    view = LoraExplorer(np.random.default_rng(1).normal(size=(400, 400)))
    views = len(pn.state._views)
    save_html(view, tmp_path / "ours.html")
    view.save(str(tmp_path / "panels.html"), resources="inline")
    assert not view.progress["running"]
    assert len(view._pages) == 0
    assert len(pn.state._views) == views


@pytest.mark.parametrize("embed", [components, lambda root: file_html(root, CDN)])
def test_bokeh_embeds_a_view(make, embed):
    root = pn.panel(make()).get_root()
    assert not root.data.hosted
    assert "".join(embed(root)).count("ReactiveESM")
