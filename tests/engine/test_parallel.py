"""The cores at work on one product: the same bits however many help, and nothing left behind."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from lora_bokeh import truncated_svd
from lora_bokeh.engine.parallel import PARTS, WORTH, Crew, in_parts
from lora_bokeh.engine.products import across, down, gram


def blas_threads() -> list[int]:
    """The threads of the BLAS that NumPy brings."""
    libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
    return [each["num_threads"] for each in libraries if "numpy" in each["filepath"]]


@pytest.mark.parametrize("rows", [4, 7, 8, 41, 1000])
@pytest.mark.parametrize("multiplications", [0, 10**9])
def test_every_row_is_in_one_part_which_begins_at_a_tile(rows, multiplications):
    seen = {}
    count = Crew().run(lambda: in_parts(seen.__setitem__, rows, 4, multiplications))
    slices = [seen[part] for part in sorted(seen)]
    assert len(slices) == count <= PARTS
    assert [row for rows in slices for row in range(rows.start, rows.stop)] == list(range(rows))
    assert all(each.start % 4 == 0 and each.stop - each.start >= 4 for each in slices)


def test_alone_or_with_help_the_same_bits():
    rng = np.random.default_rng(0)
    shapes = [(1999, 500), (8, 500), (1999, 8)]
    M, X, Y = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    assert M.size * len(X) > WORTH
    alone = [across(M, X), down(M, Y), *gram(M, X)]
    helped = Crew().run(lambda: [across(M, X), down(M, Y), *gram(M, X)])
    for one, other in zip(alone, helped, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) != PARTS,
    reason="the system assigns no cores, or there are more or fewer than parts",
)
def test_helpers_keep_to_cores_of_their_own_while_they_help():
    before = os.sched_getaffinity(0)
    caller, cores, callers = threading.get_native_id(), {}, []

    def work(part, rows):
        cores[part] = os.sched_getaffinity(0)
        callers.append(os.sched_getaffinity(caller))

    Crew().run(lambda: in_parts(work, 100, 4, 10**9))
    assert all(each == before for each in (*callers, os.sched_getaffinity(0)))
    assert set.union(*cores.values()) <= before
    assert all(cores[0].isdisjoint(cores[part]) for part in range(1, PARTS))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system assigns no cores")
def test_where_cores_are_few_all_share_them():
    before = os.sched_getaffinity(0)
    cores = {}

    def work(part, rows):
        cores[part] = os.sched_getaffinity(0)

    os.sched_setaffinity(0, {min(before)})
    try:
        Crew().run(lambda: in_parts(work, 100, 4, 10**9))
        assert all(each == {min(before)} for each in cores.values())
        assert os.sched_getaffinity(0) == {min(before)}
    finally:
        os.sched_setaffinity(0, before)


def test_a_failure_in_a_part_is_raised():
    def work(part, rows):
        raise MemoryError(f"part {part}")

    with pytest.raises(MemoryError):
        Crew().run(lambda: in_parts(work, 100, 4, 10**9))


def test_blas_has_its_threads_again_when_the_last_is_done():
    W = np.random.default_rng(0).standard_normal((300, 200))
    np.linalg.svd(W)
    before, threads = blas_threads(), threading.active_count()
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    def first():
        first_in.set()
        assert blas_threads() == [1] * len(before)
        second_in.wait(60)

    def second():
        second_in.set()
        first_out.wait(60)
        assert blas_threads() == [1] * len(before)

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(Crew().run, lambda: Crew().run(first))
        first_in.wait(60)
        other = pool.submit(Crew().run, second)
        one.result()
        first_out.set()
        other.result()
    assert blas_threads() == before
    truncated_svd(W, 10, method="power")
    assert blas_threads() == before
    assert threading.active_count() == threads
