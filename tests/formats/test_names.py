"""Names of modules to layer and module."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.formats.names import natural, places

LLAMA = [f"model.layers.{i}.{m}" for i in range(11) for m in ("self_attn.q_proj", "mlp.up_proj")]
GPT2 = [f"transformer.h.{i}.{m}" for i in range(3) for m in ("attn.c_proj", "mlp.c_proj", "c_fc")]
T5 = [
    f"{side}.block.{i}.layer.{j}.{m}"
    for side in ("encoder", "decoder")
    for i in range(3)
    for j, m in ((0, "SelfAttention.q"), (1, "DenseReluDense.wi"))
]


def test_layers_and_short_modules():
    assert places(LLAMA)[:3] == [(0, "q_proj"), (0, "up_proj"), (1, "q_proj")]
    assert places(GPT2)[:3] == [(0, "attn.c_proj"), (0, "mlp.c_proj"), (0, "c_fc")]


def test_the_layer_is_the_number_that_takes_the_most_values():
    assert {layer for layer, _ in places(T5)} == {0, 1, 2}
    assert len({module for _, module in places(T5)}) == 4


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["unet:3", "text_encoder:3"], [(3, "unet"), (3, "text_encoder")]),
        (["w_000", "w_001"], [(0, "w"), (1, "w")]),
        (["lora_te_layers_7_self_attn_q_proj"], [(7, "self_attn_q_proj")]),
        (["score", "a.score"], [(None, "score"), (None, "a.score")]),
        ([""], [(None, "")]),
        (["conv1d"], [(None, "conv1d")]),
    ],
)
def test_other_names(names, expected):
    assert places(names) == expected


PARTS = st.lists(st.sampled_from(["a", "b", "q_proj", "0", "1", "12"]), min_size=1, max_size=5)


@given(st.lists(PARTS.map(".".join), unique=True, max_size=12))
def test_no_two_names_share_a_place(names):
    assert len(set(places(names))) == len(names)


def test_natural_order():
    assert sorted(["l.10.q", "l.2.q", "l.1.v", "a"], key=natural) == [
        "a",
        "l.1.v",
        "l.2.q",
        "l.10.q",
    ]
