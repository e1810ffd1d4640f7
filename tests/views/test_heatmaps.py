"""Pictures are block means, of W and of every W_r, whatever the matrix and its scale."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_bokeh import LoraExplorer, LowRank, truncated_svd
from lora_bokeh.jobs.spectrum import Computation
from lora_bokeh.views.explorer.detail import region_of
from lora_bokeh.views.heatmaps.blocks import (
    MOST,
    Region,
    edges,
    picture,
    side_for,
    terms,
    unit_exponent,
)
from lora_bokeh.views.heatmaps.data import Pictures

shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))
sides = st.integers(1, 100)


def block_means(matrix, side):
    """Means over blocks, from their sums."""
    rows, columns = (edges(size, side) for size in matrix.shape)
    sums = np.add.reduceat(np.add.reduceat(matrix, rows[:-1], 0), columns[:-1], 1)
    return sums / np.outer(np.diff(rows), np.diff(columns))


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@given(st.integers(1, 5000), sides)
def test_blocks_are_even_and_make_up_the_whole(size, side):
    at = edges(size, side)
    assert (at[0], at[-1], len(at) - 1) == (0, size, min(size, side))
    assert np.ptp(np.diff(at)) <= 1
    assert np.diff(at).min() >= 1


@given(shapes, sides, st.integers(-300, 300))
def test_picture_is_the_block_means_at_any_scale(shape, side, power):
    matrix = random(shape) * 10.0**power
    norm = np.linalg.norm(random(shape)) * 10.0**power
    unit = 4.0 ** unit_exponent(norm)
    held = picture(matrix, norm, side)
    assert held.dtype == np.float32
    assert np.abs(held).max() < 4
    np.testing.assert_allclose(held, block_means(matrix / unit, side), atol=1e-6)


@given(shapes, sides, st.data())
def test_terms_rebuild_the_picture_of_each_rank(shape, side, data):
    matrix = random(shape)
    U, s, Vh = np.linalg.svd(matrix, full_matrices=False)
    rank = data.draw(st.integers(0, len(s)))
    norm = np.linalg.norm(s)
    left, right = terms((U, s, Vh), norm, side)
    best = (U[:, :rank] * s[:rank]) @ Vh[:rank]
    rebuilt = 4.0 ** unit_exponent(norm) * left[:rank].T.astype(float) @ right[:rank]
    np.testing.assert_allclose(rebuilt, block_means(best, side), atol=1e-6 * norm)


@given(shapes, st.data())
def test_region_is_that_part_of_the_matrix(shape, data):
    matrix = random(shape)
    bounds = [sorted(data.draw(st.tuples(st.integers(0, s), st.integers(0, s)))) for s in shape]
    region = region_of([*bounds[0], *bounds[1]], shape)
    if region is None:
        assert any(start == end for start, end in bounds)
        return
    (top, bottom), (left, right) = bounds
    norm = np.linalg.norm(matrix)
    unit = 4.0 ** unit_exponent(norm)
    expected = block_means(matrix[top:bottom, left:right] / unit, 20)
    np.testing.assert_allclose(picture(matrix, norm, 20, region), expected, atol=1e-6)


@pytest.mark.parametrize(
    "bounds",
    [None, [], [0, 1, 0], [0, 9, 0, 8], [-1, 2, 0, 8], [3, 3, 0, 8], [0.0, 1, 0, 1], "abcd"],
)
def test_regions_that_make_no_sense_are_none(bounds):
    assert region_of(bounds, (8, 8)) is None


@given(st.integers(1, 5000))
def test_what_a_page_holds_of_one_target_is_bounded(ranks):
    side = side_for(ranks)
    assert 64 <= side <= MOST
    assert side == 64 or side**2 + 2 * side * ranks <= 50_000
    assert side_for(ranks, fewest=8) <= side


def test_pair_is_pictured_without_its_product():
    pair = LowRank(random((250, 4)), random((4, 130), 1), scale=-0.25)
    dense = pair.todense()
    held = picture(pair, pair.frobenius_norm, 50)
    unit = 4.0 ** unit_exponent(pair.frobenius_norm)
    np.testing.assert_allclose(held * unit, block_means(dense, 50), atol=1e-6)
    page = Pictures(Computation(pair), side=50)
    assert page.page()["left"].shape == (0, 50)


def large(m=1300, n=1100):
    U, V = (np.linalg.qr(random((size, 200), size))[0] for size in (m, n))
    return (U * np.arange(1, 201) ** -0.5) @ V.T


def test_terms_come_with_the_growth_and_end_as_the_svd_has_them():
    matrix = large()
    work = Computation(matrix, 48)
    pictures = Pictures(work)
    page = pictures.page()
    assert page["left"].shape == (0, MOST)
    parts = []
    work.listen(lambda: parts.append(pictures.growth()))
    work.wait()
    left, right = page["left"], page["right"]
    for part in parts:
        left = np.concatenate([left[: part["from"]], part["left"]])
        right = np.concatenate([right[: part["from"]], part["right"]])
    U, s, Vh = np.linalg.svd(matrix, full_matrices=False)
    for rank in (1, 17, 48):
        best = (U[:, :rank] * s[:rank]) @ Vh[:rank]
        rebuilt = page["unit"] * left[:rank].T.astype(float) @ right[:rank]
        expected = block_means(best, MOST)
        np.testing.assert_allclose(rebuilt, expected, atol=2e-4 * np.abs(expected).max())
    before = len(parts)
    work.extend(64)
    work.run()
    assert parts[before]["from"] == 48  # only what is new is sent
    assert parts[-1]["from"] + len(parts[-1]["left"]) == 64


def test_closer_look_holds_entries_of_a_small_region():
    matrix = random((700, 500))
    region = Region(100, 150, 20, 60)
    part = Pictures(Computation(matrix)).closer(region)
    assert part["region"] == list(region)
    np.testing.assert_allclose(part["unit"] * part["mean"], matrix[100:150, 20:60], atol=1e-6)


def test_small_matrix_is_held_entry_by_entry():
    matrix = random((12, 16))
    work = Computation(matrix)
    work.run()
    page = Pictures(work).page()
    assert page["mean"] is None  # all the terms make it up
    np.testing.assert_allclose(page["unit"] * page["left"].T @ page["right"], matrix, atol=1e-6)
    U, s, Vh = truncated_svd(matrix)[:3]
    np.testing.assert_allclose(
        page["unit"] * page["left"][:3].T @ page["right"][:3],
        (U[:, :3] * s[:3]) @ Vh[:3],
        atol=1e-6,
    )


def test_page_gets_what_it_asks_for_and_nothing_for_nonsense():
    view = LoraExplorer(large(), name="W", max_rank=12)
    shell = view.__panel__()
    view.wait()
    shell.look = {"name": "W", "from": 3}
    terms_again = shell.growth["terms"]
    assert (terms_again["from"], len(terms_again["left"])) == (3, 9)
    for nonsense in ({"name": "?"}, {"name": "W"}, {"name": "W", "region": [0, 1, 0, 10**9]}):
        shell.look = nonsense
    assert shell.closer == {}
    arrived = threading.Event()
    shell.param.watch(lambda _: arrived.set(), "closer")
    shell.look = {"name": "W", "region": [10, 30, 0, 1100]}
    assert arrived.wait(60)
    assert shell.closer["mean"].shape == (20, 256)
