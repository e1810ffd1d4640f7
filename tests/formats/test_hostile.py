"""Each hostile file is refused in one sentence, within a second, in bounded memory."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from lora_bokeh.formats.limits import UNLIMITED, Limits, limited
from lora_bokeh.loading.open import SourceError, load, open_source
from tests.helpers import hostile

REFUSED = {
    "bomb.npz": (hostile.bomb, "'w.npy' unpacked takes 1.07 GB, 1,0"),
    "lying.npz": (hostile.lying_sizes, "'w.npy' unpacked takes 268.38 MB, 1,0"),
    "members.npz": (hostile.many_members, "its directory takes"),
    "fewer.npz": (
        lambda: hostile.many_members(12_000),
        "it holds 12,000 members, more than 10,000",
    ),
    "twice.npz": (hostile.twice, "two members are named 'w.npy'"),
    "bzip2.npz": (hostile.other_packing, "'w.npy' is not packed as NumPy does it"),
    "head.npz": (hostile.huge_npy_header, "'w.npy' does not begin as NumPy's .npy format does"),
    "header.safetensors": (hostile.long_header, "its header takes 99.00 MB, more than 33.55 MB"),
    "tensors.safetensors": (hostile.many_tensors, "it holds 60,000 tensors, more than 50,000"),
    "name.safetensors": (hostile.long_name, "has 1,000,000 characters"),
    "nested.safetensors": (hostile.nested, "not a sound .safetensors file"),
    "rows.csv": (hostile.csv, "its text takes 60.00 MB, more than 33.55 MB"),
    "wide.csv": (hostile.wide, "line 1 is longer than 4,194,304 characters"),
    "dtype.npy": (hostile.nested_dtype, "the file holds raw"),
    "shape.npy": (hostile.nested_shape, "does not begin as NumPy's .npy format does"),
}
MEMORY = 200 << 20  # bytes past those of a file that is honest
PROBE = """
import resource, sys, time
from lora_bokeh.loading.open import load
from lora_bokeh.formats import npy, safetensors, delimited
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load(sys.argv[1])
except ValueError as error:
    print(error)
print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", REFUSED)
def test_hostile_file_is_refused_at_once(tmp_path, name):
    make, message = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(make())
    before = subprocess.run(
        [sys.executable, "-c", PROBE.replace("load(sys.argv[1])", "pass"), str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=True
    )
    said, figures = done.stdout.strip().split("\n")
    seconds, kilobytes = map(float, figures.split())
    assert said.startswith(f"{path}: ")
    assert message in said
    assert len(said) < 700
    assert seconds - float(before.stdout.split()[0]) < 1
    assert kilobytes * 1024 < MEMORY


def test_limits_are_lifted_where_asked(tmp_path):
    path = tmp_path / "w.npz"
    np.savez_compressed(path, w=np.zeros((3000, 3000)))  # 72 MB, of which a thousandth is stored
    with pytest.raises(SourceError, match=r"times what it takes packed.*--no-limits"):
        load(path)
    with limited(UNLIMITED):
        assert load(path).shape == (3000, 3000)
    with limited(Limits(small_bytes=1e8)):
        assert load(path).shape == (3000, 3000)


def test_command_line_has_the_limits_and_an_option_to_lift_them(tmp_path):
    path = tmp_path / "w.npz"
    np.savez_compressed(path, w=np.zeros((3000, 3000)))
    command = [sys.executable, "-m", "lora_bokeh", "curve", str(path), "--max-rank", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--no-limits" in done.stderr
    done = subprocess.run([*command, "--no-limits"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_honest_files_are_within_the_limits(tmp_path):
    rng = np.random.default_rng(0)
    np.savez_compressed(tmp_path / "w.npz", a=rng.standard_normal((300, 200)), b=np.zeros((900, 9)))
    save_file({f"l.{i}.w": np.eye(2) for i in range(3000)}, tmp_path / "w.safetensors")
    assert len(open_source(tmp_path / "w.npz").entries) == 2
    assert len(open_source(tmp_path / "w.safetensors").entries) == 3000


@pytest.mark.parametrize("content", ['{"a":' * 100_000 + "1" + "}" * 100_000, "[" * 1_000_000])
def test_nested_json_beside_an_adapter_is_refused(tmp_path, content):
    (tmp_path / "m.safetensors.index.json").write_text(content)
    with pytest.raises(SourceError, match="is not JSON"):
        open_source(tmp_path / "m.safetensors.index.json")


def test_large_json_is_refused_unread(tmp_path):
    path = tmp_path / "m.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"x" * 40_000_000: "a"}}))
    with pytest.raises(SourceError, match=r"the file takes 33\.55 MB, more than 33\.55 MB"):
        open_source(path)
