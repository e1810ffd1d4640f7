"""Broken and hostile adapters and checkpoints: one sentence, exit 2, nothing half-printed."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lora_bokeh.cli import main
from tests.helpers.adapter_files import factors, save, write_config, write_kohya, write_peft

KEY = "base_model.model.q.lora_"


def header(path, entries, data=b"\0" * 64):
    """Write a .safetensors file whose header says anything."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def peft(q=None, extra=None, **config):
    def write(folder):
        write_peft(folder, {"q": q or factors(4, 5, 4)}, extra, **config)

    return write


def config_text(text):
    def write(folder):
        peft()(folder)
        (folder / "adapter_config.json").write_bytes(text)

    return write


def without_config(folder):
    peft()(folder)
    (folder / "adapter_config.json").unlink()


def config_elsewhere(folder):
    peft()(folder)
    outside = folder.parent / f"{folder.name}-outside.json"
    (folder / "adapter_config.json").rename(outside)
    (folder / "adapter_config.json").symlink_to(outside)


def tensors_elsewhere(folder):
    peft()(folder)
    outside = folder.parent / f"{folder.name}-outside.safetensors"
    (folder / "adapter_model.safetensors").rename(outside)
    (folder / "adapter_model.safetensors").symlink_to(outside)


def link_to_itself(folder):
    (folder / "adapter_model.safetensors").symlink_to(folder / "adapter_model.safetensors")


def truncated(folder):
    peft()(folder)
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-7])


def adapter_header(entries, **options):
    def write(folder):
        header(folder / "adapter_model.safetensors", entries, **options)
        write_config(folder)

    return write


def adapter_bytes(content):
    def write(folder):
        (folder / "adapter_model.safetensors").write_bytes(content)
        write_config(folder)

    return write


def alone(*dropped, of=("A", "B")):
    """Leave out a factor."""

    def write(folder):
        B, A = factors(4, 5, 4)
        tensors = {f"{KEY}{p}.weight": {"A": A, "B": B}[p] for p in of if p not in dropped}
        save(folder / "adapter_model.safetensors", tensors | {"other": A})
        write_config(folder)

    return write


def pickled(name):
    def write(folder):
        (folder / name).write_bytes(pickle.dumps({"q": [1.0]}))

    return write


def kohya(pair=None, extra=None):
    def write(folder):
        write_kohya(folder, {"q": pair or (*factors(4, 5, 2), 1)}, extra)

    return write


def index(text=None, weight_map=None, prepare=None):
    """Write the index of shards, and one sound shard."""

    def write(folder):
        save(folder / "model-1.safetensors", {"q": np.eye(3, dtype=np.float32)})
        if prepare:
            prepare(folder)
        text_ = text or json.dumps({"weight_map": weight_map})
        (folder / "model.safetensors.index.json").write_text(text_)

    return write


def shard_elsewhere(folder):
    outside = folder.parent / f"{folder.name}-outside.safetensors"
    (folder / "model-1.safetensors").rename(outside)
    (folder / "link.safetensors").symlink_to(outside)


def hardly_a_shard(folder):
    (folder / "model-2.safetensors").write_bytes(b"\x80\x04K\x01.")


Q = {"q": tensor([4, 4], 0, 64)}
ints = (np.ones((4, 2), np.int8), np.ones((2, 5), np.int8))
nan_factor = (np.full((4, 4), np.nan, np.float32), factors(4, 5, 4)[1])

BROKEN = {
    # the file itself
    "truncated": (truncated, "not a sound .safetensors file"),
    "sizes that lie": (adapter_header({"q": tensor([5, 4], 0, 64)}), "not a sound .safetensors"),
    "offsets past the end": (adapter_header({"q": tensor([8, 4], 0, 128)}), "not a sound"),
    "offsets backwards": (adapter_header({"q": tensor([4, 4], 64, 0)}), "not a sound"),
    "overlapping tensors": (adapter_header({**Q, "k": tensor([4, 4], 0, 64)}), "not a sound"),
    "a gap": (adapter_header({"q": tensor([2, 4], 32, 64)}), "not a sound"),
    "overflowing shape": (adapter_header({"q": tensor([2**62, 4], 0, 64)}), "not a sound"),
    "huge header": (adapter_bytes((1 << 62).to_bytes(8, "little") + b"{}"), "not a sound"),
    "header not JSON": (adapter_header(b"{'q': 1}"), "not a sound"),
    "header a list": (adapter_header([Q]), "not a sound"),
    "empty": (adapter_bytes(b""), "the file is empty"),
    "pickle in disguise": (
        pickled("adapter_model.safetensors"),
        "a pickle, which can run code",
    ),
    "only a pickle": (pickled("adapter_model.bin"), "pickles, which can run code"),
    "unknown dtype": (adapter_header({"q": tensor([4, 4], 0, 64, "F33")}), "not a sound"),
    # the pairs
    "unpaired factor": (alone("B"), f"{KEY}A.weight is a factor of a LoRA pair without the other"),
    "unpaired other factor": (alone("A"), f"{KEY}B.weight is a factor of a LoRA pair without"),
    "integer factors": (kohya((*ints, 1)), "'lora_unet_q.lora_down.weight' has dtype int8"),
    "1-D factor": (kohya((np.ones(4), np.ones((1, 4)), 1)), "is 1-D, of shape (4,), not a matrix"),
    "zero rank": (kohya((np.ones((4, 0)), np.ones((0, 5)), 1)), "a rank is at least 1"),
    "inner dimensions": (kohya((np.ones((4, 3)), np.ones((2, 5)), 1)), "inner dimensions differ"),
    "a wide second factor": (
        kohya((np.ones((4, 2, 3, 3)), np.ones((2, 5, 3, 3)), 1)),
        "the second factor of a convolution is 1×1",
    ),
    "mid that does not fit": (
        kohya(extra={"lora_unet_q.lora_mid.weight": np.ones((3, 2, 3, 3))}),
        "does not stand between",
    ),
    "two of a factor": (
        peft(extra={f"{KEY}A.default.weight": factors(4, 5, 4)[1]}),
        "are both the same factor",
    ),
    "nan in a factor": (peft(nan_factor), "entry (row 0, column 0) is nan"),
    # the scale
    "alpha nan": (kohya((*factors(4, 5, 2), np.nan)), "'lora_unet_q.alpha' is nan"),
    "alpha inf": (kohya((*factors(4, 5, 2), np.inf)), "'lora_unet_q.alpha' is inf"),
    "alpha a vector": (kohya((*factors(4, 5, 2), [1, 2])), "'lora_unet_q.alpha' must hold one"),
    "lora_alpha missing": (peft(lora_alpha=None), "lora_alpha is missing"),
    "lora_alpha a word": (peft(lora_alpha="16"), "lora_alpha is '16', not a finite number"),
    "lora_alpha nan": (peft(lora_alpha=float("nan")), "lora_alpha is nan, not a finite number"),
    "lora_alpha beyond float": (peft(lora_alpha=10**400), "lora_alpha is 1000"),
    "r zero": (peft(r=0), "r is 0, a rank is a whole number from 1"),
    "r another": (peft(r=8), "it gives 'q' the rank 8, but its factors have the inner dimension 4"),
    # the configuration
    "config missing": (without_config, "it holds the r and lora_alpha of this PEFT adapter"),
    "config not JSON": (config_text(b"{r: 8}"), "the file is not JSON"),
    "config not text": (config_text(b"\xff\xfe{}"), "the file is not JSON"),
    "config too deep": (config_text(b"[" * 10**6), "the file is not JSON (not text, or too deep)"),
    "config a list": (config_text(b"[1]"), "JSON but not an object"),
    "config of another method": (peft(peft_type="LOHA"), "says peft_type LOHA, but no tensor"),
    "config elsewhere": (config_elsewhere, "a symbolic link out of its folder"),
    "pattern no table": (peft(rank_pattern=[1]), "rank_pattern is [1], not an object"),
    "pattern broken": (peft(alpha_pattern={"(": 1}), "'(' is no pattern"),
    "pattern followed by nothing": (
        peft(alpha_pattern={"((?=a)a+)+b": 1}),
        "is too intricate (ASSERT)",
    ),
    "modules_to_save": (peft(modules_to_save="head"), "modules_to_save is 'head', not a list"),
    # folders and shards
    "tensors elsewhere": (tensors_elsewhere, "a symbolic link out of its folder"),
    "link to itself": (link_to_itself, "symbolic link"),
    "nothing in it": (lambda folder: None, "a directory with 0 .safetensors files"),
    "index not JSON": (index("{"), "the file is not JSON"),
    "index without a map": (index("{}"), "no weight_map"),
    "index of numbers": (index(weight_map={"q": 1}), "the shard of 'q' is 1, not a file name"),
    "index upwards": (index(weight_map={"q": "../x.safetensors"}), "leads out of the folder"),
    "index absolute": (index(weight_map={"q": "/etc/passwd"}), "leads out of the folder"),
    "index with NUL": (index(weight_map={"q": "a\0b"}), "leads out of the folder"),
    "shard elsewhere": (
        index(weight_map={"q": "link.safetensors"}, prepare=shard_elsewhere),
        "a symbolic link out of its folder",
    ),
    "shard missing": (index(weight_map={"q": "model-9.safetensors"}), "is not there"),
    "shard of another kind": (index(weight_map={"q": "."}), "is not there"),
    "tensor missing": (
        index(weight_map={"q": "model-1.safetensors", "k": "model-1.safetensors"}),
        "it promises tensors that model-1.safetensors lacks: k",
    ),
    "shard damaged": (
        index(weight_map={"q": "model-2.safetensors"}, prepare=hardly_a_shard),
        "not a .safetensors file but a pickle",
    ),
}


@pytest.mark.parametrize("command", ["inspect", "curve"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_source_is_one_sentence(tmp_path, name, command):
    write, reason = BROKEN[name]
    folder = tmp_path / "adapter"
    folder.mkdir()
    write(folder)
    result = CliRunner().invoke(main, [command, str(folder)], prog_name="lora-bokeh")
    assert (result.exit_code, result.stdout) == (2, ""), result.exception
    assert result.stderr.startswith("lora-bokeh: ")
    assert result.stderr.count("\n") == 1
    assert reason in result.stderr
    assert len(result.stderr) < 1000


def test_nothing_is_unpickled(tmp_path):
    trace = tmp_path / "trace"

    class Spy:
        def __reduce__(self):
            return Path.mkdir, (trace,)

    for name in ("adapter_model.safetensors", "adapter_model.bin", "adapter_config.json"):
        (tmp_path / name).write_bytes(pickle.dumps(Spy()))
    CliRunner().invoke(main, ["inspect", str(tmp_path)])
    CliRunner().invoke(main, ["inspect", str(tmp_path / "adapter_model.bin")])
    assert not trace.exists()


def test_names_in_a_refusal_are_bounded(tmp_path):
    A = np.ones((2, 4), np.float32)
    tensors = {f"layer.{i:03}.lora_down.weight": A for i in range(300)}
    save(tmp_path / "w.safetensors", tensors)
    result = CliRunner().invoke(main, ["inspect", str(tmp_path)])
    assert "… and 280 more are factors of a LoRA pair" in result.stderr
