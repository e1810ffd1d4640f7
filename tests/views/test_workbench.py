"""Files dropped on a page: bounded while they arrive, read in a process that can be ended."""

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from lora_bokeh.formats.limits import Limits
from lora_bokeh.loading.readers import Bounds, BusyError, Readers
from lora_bokeh.views.shared.rates import Rate
from lora_bokeh.views.upload import BoundedDropper, UploadLimits, Uploads, safe_name
from lora_bokeh.views.workbench import Desk, Workbench
from tests.helpers.hostile import bomb, csv


def send(dropper: BoundedDropper, name: str, chunks: list, total: int | None = None) -> None:
    """Send chunks as the page does."""
    for number, data in enumerate(chunks, 1):
        event = {"name": name, "chunk": number, "total_chunks": total or len(chunks)}
        event |= {"data": data, "type": ""}
        dropper._process_event(SimpleNamespace(event_name="upload_event", data=event))


def drop(dropper: BoundedDropper, name: str, content: bytes, size: int = 1 << 16) -> None:
    send(dropper, name, [content[i : i + size] for i in range(0, len(content), size)] or [b""])


@pytest.fixture
def arrived(tmp_path):
    """A dropper whose limits a test sets, and what arrived: (make, paths)."""
    paths = []

    def make(**limits):
        dropper = BoundedDropper(tmp_path, Uploads(UploadLimits(**limits)), "192.0.2.1")
        dropper.param.watch(lambda e: e.new and paths.append(e.new), "arrived")
        return dropper

    return make, paths


@pytest.fixture(scope="module")
def desk():
    made = Desk(UploadLimits(a_minute=1e6))
    yield made
    made.readers.close()


@pytest.fixture
def bench(desk):
    made = Workbench(desk=desk)
    yield made
    made.close()


def peft(folder: Path) -> tuple[bytes, bytes]:
    """Return a PEFT adapter of six pairs, of scale 2, and its configuration."""
    rng, tensors = np.random.default_rng(0), {}
    for i in range(6):
        name = f"base_model.model.layers.{i}.attn.q_proj"
        tensors[f"{name}.lora_B.weight"] = rng.standard_normal((24, 4)).astype(np.float32)
        tensors[f"{name}.lora_A.weight"] = rng.standard_normal((4, 16)).astype(np.float32)
    save_file(tensors, folder / "made.safetensors")
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
    return (folder / "made.safetensors").read_bytes(), json.dumps(config).encode()


def test_dropped_file_is_opened_and_a_bad_one_is_said(bench, tmp_path):
    model, config = peft(tmp_path)
    drop(bench._dropper, "adapter_model.safetensors", model)
    assert "adapter_config.json" in bench.message  # which holds the scale, and comes next
    drop(bench._dropper, "adapter_config.json", config)
    assert [row["scale"] for row in bench.view.index] == [2.0] * 6
    assert bench.message == "adapter_model.safetensors is open: 6 LoRA pairs"
    before = bench.view
    drop(bench._dropper, "notes.txt", b"hello")
    assert bench.view is before
    assert bench.message.startswith("notes.txt: unknown kind of file")


def test_configuration_may_come_first(bench, tmp_path):
    model, config = peft(tmp_path)
    drop(bench._dropper, "adapter_config.json", config)
    assert bench.message.startswith("adapter_config.json: now drop the adapter")
    drop(bench._dropper, "adapter_model.safetensors", model)
    assert bench.message == "adapter_model.safetensors is open: 6 LoRA pairs"


def test_dropped_file_takes_the_place_of_the_last_one(bench, tmp_path):
    held = []
    for size in (3, 4):  # under one name: the first must stay readable while it is looked at
        save_file({"w": np.eye(size)}, tmp_path / "model.safetensors")
        shown = bench.view
        drop(bench._dropper, "model.safetensors", (tmp_path / "model.safetensors").read_bytes())
        assert bench.view is not shown
        assert bench.message == f"model.safetensors is open: a matrix of {size} × {size}"
        held.append(bench.view.target_matrix)
    np.testing.assert_array_equal(held[0], np.eye(3))


@pytest.mark.parametrize("packed", ["npz", "csv"])
def test_what_is_packed_or_text_is_shown_as_it_is(bench, tmp_path, packed):
    w = np.arange(12.0).reshape(3, 4)
    path = tmp_path / f"w.{packed}"
    np.savez_compressed(path, a=w) if packed == "npz" else np.savetxt(path, w, delimiter=",")
    drop(bench._dropper, path.name, path.read_bytes())
    assert bench.message == f"w.{packed} is open: a matrix of 3 × 4"
    np.testing.assert_array_equal(bench.view.target_matrix, w)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [("w.npz", bomb, "all of it unpacked takes 1.07 GB, more than 268.44 MB"),
     ("w.csv", csv, "its text takes 60.00 MB, more than 33.55 MB; save the matrix as .npy")],
)  # fmt: skip
def test_hostile_file_is_refused_where_it_is_dropped(bench, name, make, message):
    before = bench.view
    drop(bench._dropper, name, make(), size=1 << 20)
    assert bench.message.startswith(f"{name}: {message}")
    assert bench.view is before


def test_large_matrix_is_not_looked_at(tmp_path):
    bench = Workbench(desk=Desk(matrix_bytes=1000))
    np.save(tmp_path / "w.npy", np.eye(12))
    drop(bench._dropper, "w.npy", (tmp_path / "w.npy").read_bytes())
    assert bench.message.startswith("w.npy: the matrix takes 1.15 kB in float64, more than 1.00 kB")
    bench.close()


def test_adapter_that_takes_too_long_to_compute_is_refused(tmp_path):
    bench = Workbench(desk=Desk(seconds=-1.0))
    model, config = peft(tmp_path)
    drop(bench._dropper, "adapter_config.json", config)
    drop(bench._dropper, "adapter_model.safetensors", model)
    assert "computing its 6 pairs takes more than" in bench.message
    bench.close()


def test_refusal_is_said_again_after_another_file(tmp_path):
    bench = Workbench(desk=Desk(UploadLimits(file_bytes=1000)))
    np.save(tmp_path / "w.npy", np.eye(3))
    for _ in range(2):
        drop(bench._dropper, "large.npy", b"x" * 1001)
        assert bench.message.startswith("large.npy: larger than 1.00 kB")
        drop(bench._dropper, "w.npy", (tmp_path / "w.npy").read_bytes())
        assert bench.message == "w.npy is open: a matrix of 3 × 3"
    bench.close()


def test_drop_is_bounded_whatever_the_browser_sends(arrived, tmp_path):
    make, paths = arrived
    dropper = make(file_bytes=1000)
    drop(dropper, "large.npy", b"x" * 1001, size=300)
    assert dropper.refused.startswith("large.npy: larger than")
    assert list(tmp_path.iterdir()) == []
    drop(dropper, "small.npy", b"x" * 1000, size=300)
    assert paths == [tmp_path / "small.npy"]
    assert dropper.value == {}  # nothing of it stays in memory


def test_more_files_at_once_than_an_adapter_has_are_refused_one_by_one(arrived):
    dropper = arrived[0]()
    for name in "abc":
        send(dropper, name, [b"x"], total=2)
    assert dropper.refused.startswith("c: more files than")
    assert list(dropper._arriving) == ["a", "b"]


def test_chunks_out_of_turn_are_not_taken(arrived):
    make, paths = arrived
    dropper = make()
    for chunk in (1, 3, 3):
        event = {"name": "w", "chunk": chunk, "total_chunks": 3, "data": b"x", "type": ""}
        dropper._process_event(SimpleNamespace(event_name="upload_event", data=event))
    assert paths == []


def test_file_that_never_ends_is_given_up(arrived, tmp_path):
    dropper = arrived[0](seconds=0.0)
    send(dropper, "w.npy", [b"x"], total=2)
    assert dropper.refused == "w.npy: it did not arrive within 0 s"
    assert list(tmp_path.iterdir()) == []


def test_disk_of_all_sessions_is_bounded_and_given_back(tmp_path):
    uploads, droppers = Uploads(UploadLimits(total_bytes=1500)), []
    for name in "ab":
        (tmp_path / name).mkdir()
        droppers.append(BoundedDropper(tmp_path / name, uploads))
    drop(droppers[0], "w.npy", b"x" * 1000)
    drop(droppers[1], "w.npy", b"x" * 1000)
    assert droppers[1].refused.startswith("w.npy: the server holds as many files as it may")
    droppers[0].close()
    drop(droppers[1], "w.npy", b"x" * 1000)
    assert (tmp_path / "b" / "w.npy").exists()


def test_session_opens_so_many_files_and_an_address_so_many_a_minute(arrived):
    make, paths = arrived
    dropper = make(files=2)
    for _ in range(3):
        drop(dropper, "w.npy", b"x")
    assert dropper.refused.startswith("w.npy: one session may open 2 files")
    often = make(a_minute=2)
    for _ in range(3):
        drop(often, "w.npy", b"x")
    assert often.refused == "w.npy: too many files at a time; drop it again in 30 s"
    assert len(paths) == 4


def test_rate_gives_back_with_time():
    now = [0.0]
    rate = Rate(60, 2, clock=lambda: now[0])
    assert [rate.take("a"), rate.take("a"), rate.take("b")] == [0, 0, 0]
    assert rate.take("a") == pytest.approx(1.0)
    now[0] = 1.0
    assert rate.take("a") == 0
    for key in range(20_000):
        rate.take(key)
    assert len(rate._held) <= 10_000


@pytest.mark.parametrize(
    ("name", "landed"),
    [("../../x.npy", "x.npy"), ("C:\\a\\b.npy", "b.npy"), (".bashrc", "bashrc"), ("/", "file"),
     ("x" * 5000 + ".npy", "x" * 100 + ".npy"), ("a\x1b[31m\u202e.npy", "a_31m_.npy")],
)  # fmt: skip
def test_dropped_name_stays_in_its_folder(arrived, tmp_path, name, landed):
    make, paths = arrived
    drop(make(), name, b"abc")
    assert paths == [tmp_path / landed]
    assert (tmp_path / landed).read_bytes() == b"abc"
    assert safe_name(name) == landed


def test_process_that_reads_too_long_is_ended(tmp_path):
    readers = Readers(1, Bounds(seconds=0.0))
    (tmp_path / "w.csv").write_bytes(csv(20_000_000))
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"reading it takes more than 0 s"):
        readers.read(tmp_path / "w.csv", tmp_path)
    assert time.monotonic() - start < 10
    readers.close()


def test_process_that_takes_too_much_memory_is_ended(tmp_path):
    readers = Readers(1, Bounds(memory=10 << 20))
    (tmp_path / "w.csv").write_bytes(csv(30_000_000))  # 27 MB in float64
    with pytest.raises(ValueError, match=r"w.csv: reading it takes more memory"):
        readers.read(tmp_path / "w.csv", tmp_path)
    np.save(tmp_path / "v.npy", np.eye(3))  # the next one is read
    assert readers.read(tmp_path / "v.npy", tmp_path).entries[0].shape == (3, 3)
    readers.close()


def test_name_longer_than_any_and_limits_reach_the_process(tmp_path):
    save_file({"x" * 2000: np.eye(2)}, tmp_path / "w.safetensors")
    readers = Readers(1, Bounds(limits=Limits(name_characters=1999)))
    with pytest.raises(ValueError, match=r"has 2,000 characters"):
        readers.read(tmp_path / "w.safetensors", tmp_path)
    readers.close()


def test_files_wait_in_a_queue_that_ends():
    readers, hold = Readers(1), threading.Event()
    waiting = [readers.submit(hold.wait) for _ in range(9)]
    with pytest.raises(BusyError, match="drop it again in a minute"):
        readers.submit(hold.wait)
    hold.set()
    assert all(future.result(timeout=60) for future in waiting)
    readers.submit(hold.wait).result(timeout=60)
    readers.close()
