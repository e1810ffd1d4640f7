"""Adapters whose ΔW is another formula than s·B·A: equal to the formula written out naively."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh.adapters.automaton import Automaton
from lora_bokeh.compress.save import save_resized
from lora_bokeh.engine.low_rank import LowRank
from lora_bokeh.loading.open import SourceError, open_source
from lora_bokeh.ranks.choice import Choice
from tests.helpers.adapter_files import save, write_config, write_peft

RNG = np.random.default_rng(5)
PREFIX = "base_model.model."


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def dense(entry):
    matrix = entry.read()
    if isinstance(matrix, LowRank):
        return matrix.scale * (matrix.B.astype(float) @ matrix.A.astype(float))
    return np.asarray(matrix, float)


def assert_is(entry, expected):
    assert entry.shape == expected.shape
    np.testing.assert_allclose(dense(entry), expected, rtol=1e-10, atol=1e-12)
    assert np.linalg.matrix_rank(expected) <= entry.rank <= min(expected.shape)


def peft_adapter(folder, tensors, module="q", **config):
    save(
        folder / "adapter_model.safetensors",
        {f"{PREFIX}{module}.{part}": tensor for part, tensor in tensors.items()},
    )
    write_config(folder, **config)
    return folder


def only(folder):
    (entry,) = open_source(folder).entries
    return entry


# --- PEFT's


@pytest.mark.parametrize("fan", [False, True])
def test_adalora_has_its_singular_values(tmp_path, fan):
    A, B, E = normal(3, 8), normal(6, 3), normal(3, 1)
    config = {"peft_type": "ADALORA", "r": 8, "init_r": 12, "lora_alpha": 5, "fan_in_fan_out": fan,
              "rank_pattern": {"q.lora_E": [True, False, True, True]}}  # fmt: skip
    entry = only(peft_adapter(tmp_path, {"lora_A": A, "lora_B": B, "lora_E": E}, **config))
    W = 5 / (3 + 1e-5) * B.astype(float) @ (A.astype(float) * E)
    assert_is(entry, W.T if fan else W)
    assert (entry.name, entry.rank) == ("q", 3)


def test_adalora_is_resized_to_plain_lora(tmp_path):
    A, B, E = normal(3, 8), normal(6, 3), normal(3, 1)
    config = {"peft_type": "ADALORA", "lora_alpha": 5, "target_modules": ["q"], "beta1": 0.85}
    source = peft_adapter(tmp_path, {"lora_A": A, "lora_B": B, "lora_E": E}, **config)
    save_resized(source, tmp_path / "out", Choice(rank=3))
    made = open_source(tmp_path / "out")
    np.testing.assert_allclose(dense(made.entries[0]), dense(only(source)), atol=1e-6)
    assert made.config["peft_type"] == "LORA"
    assert "beta1" not in made.config


def hadamard(w1a, w1b, w2a, w2b):
    w1a, w1b, w2a, w2b = (w.astype(float) for w in (w1a, w1b, w2a, w2b))
    return (w1a @ w1b) * (w2a @ w2b)


@pytest.mark.parametrize("r", [2, 4])  # 4: the formula's rank 16 is that of any matrix
def test_loha_of_both_programs(tmp_path, r):
    parts = [normal(9, r), normal(r, 7), normal(9, r), normal(r, 7)]
    names = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"]
    tensors = dict(zip(names, parts, strict=True))
    folder = tmp_path / "peft"
    folder.mkdir()
    peft = only(peft_adapter(folder, tensors, peft_type="LOHA", r=r, alpha=3, lora_alpha=None))
    assert_is(peft, 3 / r * hadamard(*parts))
    lycoris = {f"lora_unet_q.{n}": t for n, t in tensors.items()} | {
        "lora_unet_q.alpha": np.ones(1)
    }
    source = open_source(save(tmp_path / "l.safetensors", lycoris))
    assert source.format == "lycoris"
    assert source.leftovers == {}
    assert_is(source.entries[0], 1 / r * hadamard(*parts))
    assert source.entries[0].kind == ("pair" if r == 2 else "update")


def test_loha_of_a_convolution(tmp_path):
    t1, t2 = normal(3, 2, 3, 3), normal(3, 2, 3, 3)
    w1a, w1b, w2a, w2b = normal(3, 40), normal(2, 5), normal(3, 40), normal(2, 5)
    parts = {"hada_t1": t1, "hada_t2": t2, "hada_w1_a": w1a, "hada_w1_b": w1b,
             "hada_w2_a": w2a, "hada_w2_b": w2b}  # fmt: skip
    source = save(tmp_path / "l.safetensors", {f"lora_unet_c.{k}": v for k, v in parts.items()})
    first, second = (
        np.einsum("ijkl,jr,ip->prkl", *(x.astype(float) for x in (t, b, a)))
        for t, b, a in ((t1, w1b, w1a), (t2, w2b, w2a))
    )
    entry = only(source)
    assert entry.kernel == (5, 3, 3)
    assert_is(entry, (first * second).reshape(40, 45))


SIDES = {  # of LoKr: (parts, the matrix they make)
    "whole": (lambda i, m, n, k: {f"lokr_w{i}": normal(m, n, *k)},
              lambda i, p: p[f"lokr_w{i}"]),
    "product": (lambda i, m, n, k: {f"lokr_w{i}_a": normal(m, 2),
                                    f"lokr_w{i}_b": normal(2, n * int(np.prod(k, dtype=int)))},
                lambda i, p: p[f"lokr_w{i}_a"].astype(float) @ p[f"lokr_w{i}_b"]),
}  # fmt: skip


@pytest.mark.parametrize("kernel", [(), (3, 3)])
@pytest.mark.parametrize("first", SIDES)
@pytest.mark.parametrize("second", SIDES)
def test_lokr_is_a_kronecker_product(tmp_path, first, second, kernel):
    (make1, whole1), (make2, whole2) = SIDES[first], SIDES[second]
    parts = make1("1", 3, 4, ()) | make2("2", 5, 6, kernel)
    tensors = {f"lycoris_q.{k}": v for k, v in parts.items()} | {"lycoris_q.alpha": np.array(6.0)}
    entry = only(save(tmp_path / "l.safetensors", tensors))
    w1, w2 = np.asarray(whole1("1", parts), float), np.asarray(whole2("2", parts), float)
    scale = 1 if first == second == "whole" else 6 / 2
    assert_is(entry, scale * np.kron(w1, w2.reshape(5, -1)))


def test_lokr_with_a_core_tensor(tmp_path):
    t, a, b, w1 = normal(2, 2, 3, 3), normal(2, 5), normal(2, 6), normal(3, 4)
    parts = {"lokr_t2": t, "lokr_w2_a": a, "lokr_w2_b": b, "lokr_w1": w1}
    entry = only(save(tmp_path / "l.safetensors", {f"m.{k}": v for k, v in parts.items()}))
    w2 = np.einsum("ijkl,ip,jr->prkl", *(x.astype(float) for x in (t, a, b)))
    assert entry.kernel == (24, 3, 3)
    assert_is(entry, np.kron(w1.astype(float), w2.reshape(5, -1)))


@pytest.mark.parametrize("hybrid", [0, 2])
def test_gralora_blocks(tmp_path, hybrid):
    k, r, P, Q = 3, 6, 8, 10
    A, B = normal(k, P, r), normal(k, r, Q)
    tensors = {"gralora_A": A, "gralora_B": B}
    W, part = np.zeros((k * Q, k * P)), r // k
    for o in range(k):
        for n in range(k):
            a, b = A[n][:, o * part : (o + 1) * part], B[o][n * part : (n + 1) * part]
            W[o * Q : (o + 1) * Q, n * P : (n + 1) * P] = (a.astype(float) @ b).T
    if hybrid:
        left, right = normal(k * Q, hybrid), normal(hybrid, k * P)
        tensors |= {"gralora_B_general.weight": left, "gralora_A_general.weight": right}
        W += left.astype(float) @ right
    entry = only(peft_adapter(tmp_path, tensors, peft_type="GRALORA", r=r, alpha=5))
    assert_is(entry, 5 / (r + hybrid) * W)


def test_delora_normalises(tmp_path):
    A, B, norms, strength = normal(3, 8), normal(6, 3), np.abs(normal(8)), normal(1)
    tensors = {"delora_A": A, "delora_B": B, "delora_w_norm": norms, "delora_lambda": strength}
    entry = only(peft_adapter(tmp_path, tensors, peft_type="DELORA", r=3))
    W = sum(
        float(strength[0]) / 3 * np.outer(b / np.linalg.norm(b), a / np.linalg.norm(a))
        for b, a in zip(B.T.astype(float), A.astype(float), strict=True)
    )
    assert_is(entry, W * norms)


def test_c3a_is_circulant(tmp_path):
    kernel = normal(2, 3, 4)
    entry = only(peft_adapter(tmp_path, {"c3a_kernel": kernel}, peft_type="C3A", block_size=4))
    W = np.zeros((8, 12))
    for p, q in np.ndindex(8, 12):
        W[p, q] = float(kernel[p // 4, q // 4, (q - p) % 4]) / 12
    assert entry.kind == "update"
    assert_is(entry, W)


def test_kasa_has_a_diagonal(tmp_path):
    A, B, d = normal(4, 8), normal(6, 4), normal(4)
    tensors = {"lora_A.weight": A, "lora_B.weight": B, "lora_diag": d}
    source = open_source(peft_adapter(tmp_path, tensors, kasa_config={"beta": 1e-4}))
    assert_is(source.entries[0], 2 * B.astype(float) @ (d[:, None].astype(float) * A))
    assert source.leftovers == {}
    assert source.notes[0].startswith("KaSA: ")


def test_experts_are_listed_one_by_one(tmp_path):
    E, r, m, n = 3, 4, 6, 5
    A, B = normal(E * r, n), normal(m, r * E)
    tensors = {"lora_A.weight": A, "lora_B.weight": B}
    config = {"target_parameters": ["experts.up"], "r": r, "lora_alpha": 6}
    source = open_source(peft_adapter(tmp_path, tensors, "mlp.experts", **config))
    assert [e.name for e in source.entries] == [f"mlp.experts.{e}" for e in range(E)]
    for e, entry in enumerate(source.entries):
        a, b = A.reshape(E, r, n)[e], B.reshape(m, r, E)[:, :, e]
        assert_is(entry, 6 / r * b.astype(float) @ a)
    assert sum(e.nbytes for e in source.entries) == A.nbytes + B.nbytes


@pytest.mark.parametrize(
    ("method", "said"),
    [
        *(
            (m, "ΔW does not follow from the file alone")
            for m in ("HIRA", "MISS", "VERA", "TOMORROW")
        ),
        *((m, "changes no weight") for m in ("PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING")),
    ],
)
def test_every_other_method_is_refused_by_its_name(tmp_path, method, said):
    peft_adapter(tmp_path, {"lora_A.weight": normal(4, 8)}, peft_type=method)
    with pytest.raises(SourceError, match=said) as refused:
        open_source(tmp_path)
    assert f"PEFT's {method}," in str(refused.value)


def test_a_merged_model_beside_an_adapter_is_a_checkpoint(tmp_path):
    peft_adapter(tmp_path, {"hira_A": normal(4, 8)}, peft_type="HIRA")
    path = save(tmp_path / "model.safetensors", {"model.q.weight": normal(4, 8)})
    assert open_source(path).format == "checkpoint"


def test_parts_that_do_not_fit_are_refused(tmp_path):
    names = ["hada_w1_a", "hada_w1_b", "hada_w2_a"]
    path = save(tmp_path / "l.safetensors", {f"m.{name}": normal(4, 4) for name in names})
    with pytest.raises(SourceError, match="pair 'm': 'hada_w2_b' is missing"):
        open_source(path)


# --- keys that no format claimed


def test_xlabs(tmp_path):
    keys = [f"double_blocks.0.processor.{m}_lora{i}" for m in ("qkv", "proj") for i in (1, 2)]
    pairs = {key: (normal(12, 2), normal(2, 6)) for key in keys}
    tensors = {f"{k}.{part}.weight": t for k, (up, down) in pairs.items()
               for part, t in (("up", up), ("down", down))}  # fmt: skip
    source = open_source(save(tmp_path / "lora.safetensors", tensors))
    assert source.leftovers == {}
    for entry in source.entries:
        up, down = pairs[entry.name.replace("double_blocks.0.", "double_blocks.0.processor.")]
        assert_is(entry, up.astype(float) @ down)


@pytest.mark.parametrize("config", [None, {"r": 2, "lora_alpha": 6}])
def test_torchtune(tmp_path, config):
    A, B = normal(2, 6), normal(5, 2)
    key = "layers.0.attn.q_proj.lora_"
    save(tmp_path / "adapter_0.safetensors", {f"{key}a.weight": A, f"{key}b.weight": B})
    if config:
        write_config(tmp_path, **config)
    source = open_source(tmp_path)
    assert [f.kind for f in source.findings] == ([] if config else ["scale unknown"])
    assert_is(source.entries[0], (3 if config else 1) * B.astype(float) @ A)


def test_mlx_is_the_other_way_round(tmp_path):
    a, b = normal(6, 2), normal(2, 5)
    key = "model.layers.0.self_attn.q_proj.lora_"
    save(tmp_path / "adapters.safetensors", {f"{key}a": a, f"{key}b": b})
    source = open_source(tmp_path)
    assert source.findings[0].kind == "scale unknown"
    config = {"fine_tune_type": "lora", "lora_parameters": {"rank": 2, "scale": 20.0}}
    write_config(tmp_path, **config, peft_type=None)
    source = open_source(tmp_path)
    assert (source.format, source.findings) == ("mlx", ())
    assert_is(source.entries[0], 20 * (a.astype(float) @ b).T)


def test_experts_of_mlx(tmp_path):
    a, b = normal(3, 2, 6), normal(3, 5, 2)
    tensors = {"mlp.switch.lora_a": a, "mlp.switch.lora_b": b, "q.lora_a": normal(6, 2),
               "q.lora_b": normal(2, 6)}  # fmt: skip
    save(tmp_path / "adapters.safetensors", tensors)
    write_config(tmp_path, lora_parameters={"scale": 2.0}, peft_type=None)
    *experts, q = open_source(tmp_path).entries
    assert q.name == "q"
    for e, entry in enumerate(experts):
        assert entry.name == f"mlp.switch.{e}"
        assert_is(entry, 2 * b[e].astype(float) @ a[e])


def test_an_adapters_name_in_the_keys(tmp_path):
    A, B = normal(4, 8), normal(6, 4)
    peft_adapter(tmp_path, {"lora_A.mine.weight": A, "lora_B.mine.weight": B})
    source = open_source(tmp_path)
    assert (source.entries[0].name, source.leftovers) == ("q", {})
    assert_is(source.entries[0], 2 * B.astype(float) @ A)


def test_several_adapters_in_one_file(tmp_path):
    tensors = {f"lora_{p}.{name}.weight": t for name in ("one", "two")
               for p, t in (("A", normal(4, 8)), ("B", normal(6, 4)))}  # fmt: skip
    source = open_source(peft_adapter(tmp_path, tensors))
    assert [entry.name for entry in source.entries] == ["one: q", "two: q"]
    assert_is(source.entries[1], 2 * tensors["lora_B.two.weight"].astype(float)
              @ tensors["lora_A.two.weight"])  # fmt: skip
    with pytest.raises(SourceError, match=r"several adapters are in it \(one, two\)"):
        save_resized(source, tmp_path / "out", Choice(rank=1))


@pytest.mark.parametrize("dot", [".", "_"])
def test_a_mangled_dot(tmp_path, dot):
    down, up = normal(2, 6), normal(5, 2)
    key = f"lora_unet_unet_down_blocks_0_attn1_to_k{dot}lora_"
    path = save(tmp_path / "k.safetensors", {f"{key}down.weight": down, f"{key}up.weight": up})
    source = open_source(path)
    assert (source.format, source.entries[0].name) == (
        "kohya", "lora_unet_unet_down_blocks_0_attn1_to_k")  # fmt: skip
    assert_is(source.entries[0], up.astype(float) @ down)


def test_the_added_projections_of_diffusers(tmp_path):
    key = "unet.mid_block.attentions.0.processor.{}_lora.{}.weight"
    tensors = {key.format(m, part): t for m in ("add_k_proj", "to_k", "to_out")
               for part, t in (("down", normal(2, 6)), ("up", normal(6, 2)))}  # fmt: skip
    source = open_source(save(tmp_path / "if.safetensors", tensors))
    names = [entry.name.rpartition(".")[2] for entry in source.entries]
    assert (names, source.leftovers) == (["add_k_proj", "to_k", "to_out"], {})


def test_factors_are_never_a_checkpoints_matrices(tmp_path):
    plain = {f"layers.{i}.weight": normal(4, 4) for i in range(3)}
    path = save(tmp_path / "w.safetensors", plain | {"q.lora_weird_A": normal(2, 4)})
    source = open_source(path)
    assert [entry.name for entry in source.entries] == sorted(plain)
    assert source.leftovers["factors of LoRA without a pair that is read"] == ("q.lora_weird_A",)
    path = save(tmp_path / "l.safetensors", {"q.lora_weird_A": normal(2, 4)})
    with pytest.raises(SourceError, match="named like factors of LoRA, but no pair"):
        open_source(path)


# --- patterns of the configuration

PIECES = st.sampled_from(
    ["a", "b", ".", r"\.", "a*", "(a|b)", "[ab]", "[^a]", r"\d", r"\w+", "a?", "(ab)+", "b{1,3}",
     ".*", "^", "$", "(?:a|bb)*?", r"[a-c\d]"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=6), st.text("abc.1", max_size=8))
def test_the_automaton_matches_as_python_does(pieces, text):
    pattern = "".join(pieces)
    assert Automaton(pattern).match(text) == bool(re.fullmatch(pattern, text))


def test_the_automaton_is_quick_where_python_is_not():
    assert not Automaton("((a+)+)+b").match("a" * 300)
    assert not Automaton(".*" * 20 + "x").match("a" * 300)


def test_a_pattern_of_a_real_kind(tmp_path):
    pattern = r".*layers\.(\d+)\..*self_attn\..*(q|k)_proj.*"
    modules = {"model.layers.10.self_attn.q_proj": (normal(4, 4), normal(4, 4)),
               "model.layers.10.mlp.up_proj": (normal(4, 2), normal(2, 4))}  # fmt: skip
    write_peft(tmp_path, modules, r=2, rank_pattern={pattern: 4}, alpha_pattern={pattern: 2})
    assert [entry.scale for entry in open_source(tmp_path).entries] == [4, 0.5]
