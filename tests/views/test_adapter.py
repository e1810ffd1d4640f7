"""AdapterExplorer from Python: rows, map, plans, choosing; and files dropped on the page."""

import json
import shlex

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from lora_bokeh.cli import main
from lora_bokeh.formats.tensors import SourceError
from lora_bokeh.loading.open import difference
from lora_bokeh.views.adapter.view import AdapterExplorer
from lora_bokeh.views.for_file import view_of


def pair(rank: int, m: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((m, rank)).astype(np.float32),
        rng.standard_normal((rank, n)).astype(np.float32),
    )


@pytest.fixture
def adapter(tmp_path):
    """A PEFT folder: q and v of three layers, rank 4, alpha 8."""
    tensors = {}
    for layer in range(3):
        for i, module in enumerate(("q_proj", "v_proj")):
            B, A = pair(4, 24, 16, 10 * layer + i)
            name = f"base_model.model.layers.{layer}.attn.{module}"
            tensors |= {f"{name}.lora_B.weight": B, f"{name}.lora_A.weight": A}
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    return tmp_path


def spectra(folder) -> dict[str, np.ndarray]:
    """σ of every ΔW = 2·B·A, from the dense product in float64."""
    tensors = load_file(folder / "adapter_model.safetensors")
    names = [key.removesuffix(".lora_A.weight") for key in tensors if key.endswith("A.weight")]
    product = {
        name: 2.0
        * tensors[f"{name}.lora_B.weight"].astype(float)
        @ tensors[f"{name}.lora_A.weight"].astype(float)
        for name in names
    }
    return {name: np.linalg.svd(w, compute_uv=False)[:4] for name, w in product.items()}


def test_rows_tell_what_each_matrix_needs(adapter):
    view = AdapterExplorer(adapter)
    truth = spectra(adapter)
    assert len(view.index) == len(truth) == 6
    for row in view.index:
        s = next(s for name, s in truth.items() if name.endswith(row["name"]))
        energy = np.cumsum(s**2) / np.sum(s**2)
        assert row["needs"] == [int(np.argmax(energy >= t)) + 1 for t in (0.9, 0.95, 0.99)]
        assert row["stable"] == pytest.approx(np.sum(s**2) / s[0] ** 2, rel=1e-5)
        assert (row["rank"], row["scale"], row["shape"]) == (4, 2.0, [24, 16])
    assert sorted(row["place"] for row in view.index) == [
        [layer, module] for layer in range(3) for module in ("q_proj", "v_proj")
    ]


def test_page_shows_the_map_and_the_first_matrix(adapter):
    view = AdapterExplorer(adapter)
    shell = view.__panel__()
    assert shell.map.object.y_range.factors == ["v_proj", "q_proj"]
    assert view.target == view.index[0]["name"]
    assert view.spectrum.captured_energy(4) == pytest.approx(1)
    view.choose(view.index[4]["name"])
    assert shell.target == view.index[4]["name"]
    with pytest.raises(ValueError, match="no matrix 'nothing'"):
        view.choose("nothing")


def test_plans_keep_what_they_say(adapter):
    view = AdapterExplorer(adapter, called="adapter")
    truth = [
        next(s for name, s in spectra(adapter).items() if name.endswith(row["name"]))
        for row in view.index
    ]
    total = sum(np.sum(s**2) for s in truth)
    for way in view.plans["ways"].values():
        for ranks, energy in zip(way["ranks"], way["energy"], strict=True):
            kept = sum(np.sum(s[:r] ** 2) for s, r in zip(truth, ranks, strict=True))
            assert energy == pytest.approx(kept / total, rel=1e-5)
        assert list(way["bytes"]) == sorted(way["bytes"])
    assert view.plans["before"] == (adapter / "adapter_model.safetensors").stat().st_size


def said_by(command: str) -> dict:
    """Return what a command of the page says it would do."""
    program, *args = shlex.split(command)
    assert program == "lora-bokeh"
    done = CliRunner().invoke(main, [*args, "--dry-run", "--format", "json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("form", ["peft", "kohya", "pairs"])
def test_command_on_the_page_gives_the_ranks_and_bytes_on_the_page(adapter, tmp_path, form):
    path = adapter
    if form != "peft":
        tensors = load_file(adapter / "adapter_model.safetensors")
        change = {"kohya": as_kohya, "pairs": as_pairs}[form]
        path = tmp_path / f"an {form}.safetensors"
        save_file(change(tensors), path)
    assert_commands_do_what_is_said(AdapterExplorer(path))


def assert_commands_do_what_is_said(view: AdapterExplorer) -> None:
    names = [row["name"].removesuffix(".weight") for row in view.index]
    for way in view.plans["ways"].values():
        columns = (way[key] for key in ("commands", "ranks", "bytes", "energy"))
        for command, ranks, size, energy in zip(*columns, strict=True):
            said = said_by(command)
            cut = {matrix["name"]: matrix["rank"] for matrix in said["matrices"]}
            given = dict(zip(names, ranks.tolist(), strict=True))
            assert given == dict.fromkeys(names, 0) | cut
            assert size == said["total"]["nbytes"]
            assert energy == pytest.approx(said["total"]["captured_energy"], abs=1e-9)
    assert len(way["commands"]) > 10  # of the budgets


@pytest.fixture
def checkpoints(tmp_path):
    """Base and tuned: two layers moved, one not, and a matrix that no adapter can have."""
    rng = np.random.default_rng(0)
    names = [*(f"layers.{i}.q_proj.weight" for i in range(3)), "table", "wte.weight"]
    base = {name: rng.standard_normal((40, 30)).astype(np.float32) for name in names}
    moves = {name: rng.standard_normal((40, 9)) @ rng.standard_normal((9, 30)) for name in names}
    moves["layers.1.q_proj.weight"] *= 0
    tuned = {name: (w + 0.01 * moves[name]).astype(np.float32) for name, w in base.items()}
    for name, tensors in {"base": base, "tuned": tuned}.items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
    return tmp_path / "base.safetensors", tmp_path / "tuned.safetensors"


@pytest.mark.parametrize("max_rank", [None, 5])
def test_command_on_the_page_of_a_difference_extracts_what_is_said(checkpoints, max_rank):
    view = AdapterExplorer(difference(*checkpoints), max_rank=max_rank)
    assert view.plans == {"verb": "extract"}  # until all matrices are known
    view.read_all()
    assert_commands_do_what_is_said(view)
    *_, full = view.plans["ways"]["rank"]["ranks"]
    most = max_rank or 30
    assert full.tolist() == [most, 0, most, 0, most]


def test_difference_is_planned_when_its_matrices_were_chosen_one_by_one(checkpoints):
    view = AdapterExplorer(difference(*checkpoints), called=("a base", "tuned"))
    for row in view.index:
        view.choose(row["name"])
    commands = view.plans["ways"]["rank"]["commands"]
    assert commands[0] == "lora-bokeh extract 'a base' tuned -o extracted --rank 1"


def test_difference_in_which_nothing_moved_says_that_nothing_can_be_extracted(checkpoints):
    view = AdapterExplorer(difference(checkpoints[0], checkpoints[0]))
    view.read_all()
    assert view.plans == {}
    assert any(note.startswith("it cannot be extracted: ") for note in view.notes)


def as_kohya(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    renamed = {}
    for key, factor in tensors.items():
        module, end = key.removeprefix("base_model.model.").rsplit(".lora_", 1)
        part = {"A": "lora_down", "B": "lora_up"}[end[0]]
        renamed[f"lora_unet_{module.replace('.', '_')}.{part}.weight"] = factor
    return renamed


def as_pairs(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    keys = sorted(key for key in tensors if "lora_A" in key)
    a = {f"w_a_{i:03}": tensors[key] for i, key in enumerate(keys)}
    return a | {f"w_b_{i:03}": tensors[key.replace("_A", "_B")] for i, key in enumerate(keys)}


def test_adapter_that_cannot_be_resized_says_why_and_is_shown(adapter):
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["init_lora_weights"] = "pissa"
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    view = AdapterExplorer(adapter)
    assert view.plans == {}
    assert any(note.startswith("it cannot be resized: ") for note in view.notes)
    assert len(view.index) == 6


def test_checkpoint_is_computed_matrix_by_matrix_as_chosen(tmp_path):
    weights = {f"layers.{i}.w": np.random.default_rng(i).standard_normal((9, 7)) for i in range(3)}
    save_file(weights, tmp_path / "model.safetensors")
    view = AdapterExplorer(tmp_path / "model.safetensors")
    shell = view.__panel__()
    assert [row["stable"] is None for row in view.index] == [False, True, True]
    shell.request = "layers.2.w"  # as the page does
    assert view.target == "layers.2.w"
    np.testing.assert_allclose(
        view.spectrum.s, np.linalg.svd(weights["layers.2.w"], compute_uv=False)
    )
    assert view.plans == {}


def test_file_without_a_matrix_is_refused(tmp_path):
    save_file({"bias": np.ones(3)}, tmp_path / "model.safetensors")
    with pytest.raises(SourceError, match=r"model.safetensors"):
        AdapterExplorer(tmp_path / "model.safetensors")


def test_view_fits_the_file(adapter, tmp_path):
    np.save(tmp_path / "w.npy", np.eye(4))
    assert type(view_of(adapter)) is AdapterExplorer
    assert view_of(tmp_path / "w.npy").spectrum.shape == (4, 4)
    np.save(tmp_path / "nan.npy", np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="nan"):
        view_of(tmp_path / "nan.npy")


def test_rank_above_the_floor_is_a_bound_where_too_few_values_are_known(tmp_path):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((1100, 1050)).astype(np.float16)
    moved = base + 0.1 * rng.standard_normal((1100, 40)) @ rng.standard_normal((40, 1050))
    save_file({"w": base, "v": base}, tmp_path / "base.safetensors")
    save_file({"w": moved.astype(np.float16), "v": base}, tmp_path / "tuned.safetensors")
    delta = difference(tmp_path / "base.safetensors", tmp_path / "tuned.safetensors")
    for max_rank, known in {8: False, 60: True}.items():
        view = AdapterExplorer(delta, max_rank=max_rank)
        view.read_all()
        above = {row["name"]: row["above"] for row in view.index}
        assert above["v"] == [0, True]
        assert above["w"] == [40, True] if known else 8 <= above["w"][0] <= 40
        assert above["w"][1] is known
