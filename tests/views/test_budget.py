"""BudgetExplorer from Python: names taken in any form, refused in a sentence, kept in bounds."""

import numpy as np
import pytest

from lora_bokeh import BudgetExplorer, parameter_budget
from lora_bokeh.models.presets import own_model
from lora_bokeh.views.budget.view import BudgetPage


def test_it_opens_on_the_usual_targets():
    explorer = BudgetExplorer()
    assert (explorer.model, explorer.targets) == ("Llama-2-7B", ["q_proj", "v_proj"])
    assert explorer.budget == parameter_budget("Llama-2-7B", 8)


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint64])
def test_ranks_and_shapes_of_numpy_do_not_overflow(kind):
    assert parameter_budget("GPT-3-175B", kind(100)) == parameter_budget("GPT-3-175B", 100)
    own = own_model((np.int32(100_000), np.int32(100_000)))
    assert parameter_budget(own, kind(8)).whole == 10**10


def test_one_target_needs_no_list():
    all_of_them = parameter_budget("GPT-2", targets=["all"])
    assert parameter_budget("GPT-2", targets="all") == all_of_them


@pytest.mark.parametrize(
    ("rank", "error", "message"),
    [
        (2.5, TypeError, "rank must be an integer, got 2.5"),
        (True, TypeError, "rank must be an integer, got True"),
        (None, TypeError, "rank must be an integer, got None"),
        (0, ValueError, "rank must be at least 1, got 0"),
    ],
)
def test_a_rank_that_is_none(rank, error, message):
    with pytest.raises(error, match=message):
        parameter_budget("GPT-2", rank)


def test_names_are_taken_in_any_form():
    explorer = BudgetExplorer("gpt2 xl", rank=4, targets=["c_proj"], optimizer="sgd")
    assert explorer.targets == ["attn.c_proj", "mlp.c_proj"]
    explorer.targets = ["qkv", "up"]
    assert explorer.targets == ["c_attn", "mlp.c_fc"]
    explorer.model = "roberta_large"
    assert explorer.budget == parameter_budget("RoBERTa-large", 4, optimizer="sgd")


def test_targets_remain_where_the_new_model_has_them():
    explorer = BudgetExplorer(targets=["k", "gate"])
    explorer.model = "Llama-3-8B"
    assert explorer.targets == ["k_proj", "gate_proj"]
    explorer.targets = ["all"]
    explorer.model = "GPT-2"
    assert len(explorer.targets) == 4
    explorer.param.update(model="BERT-base", targets=["query"])
    assert explorer.targets == ["query"]


def test_what_is_refused_changes_nothing():
    explorer = BudgetExplorer()
    for wrong in ({"model": "Llama-9"}, {"targets": ["c_attn"]}, {"targets": []}):
        with pytest.raises(ValueError, match=r"did you mean|has no target|choose at least one"):
            explorer.param.update(**wrong)
        assert (explorer.model, explorer.targets) == ("Llama-2-7B", ["q_proj", "v_proj"])
    with pytest.raises(ValueError, match="no model is called 'nothing'"):
        BudgetExplorer("nothing")


def test_rank_ends_at_the_highest_a_matrix_can_have():
    explorer = BudgetExplorer(rank=9999)
    assert explorer.rank == 4096
    explorer.model = "GPT-2"
    assert explorer.rank == 768


def test_own_model_is_offered_beside_the_presets():
    explorer = BudgetExplorer(own_model((64, 64)), rank=40)
    assert explorer.budget.savings == -0.25
    page = explorer.__panel__()
    assert isinstance(page, BudgetPage)
    assert next(iter(page.models)) == "64 × 64"
    assert "Llama-2-7B" in page.models


def test_python_and_page_follow_each_other():
    explorer = BudgetExplorer()
    page = explorer.__panel__()
    page.param.update(model="GPT-2", targets=["mlp.c_fc"], rank=700)
    assert (explorer.model, explorer.targets, explorer.rank) == ("GPT-2", ["mlp.c_fc"], 700)
    explorer.param.update(rank=5, dtype="float32")
    assert (page.rank, page.dtype) == (5, "float32")
