"""Heat maps: what the page draws equals NumPy's, at every rank, in file and server, by keyboard."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from lora_bokeh import LoraExplorer, LowRank
from lora_bokeh.targets import two_directions
from lora_bokeh.views.heatmaps.blocks import edges
from lora_bokeh.views.shared.assets import light_palette
from tests.browser.explorer_page import ExplorerPage
from tests.helpers import matrices

PICTURE = """([figure, layer]) => {
    const models = Bokeh.documents.flatMap((doc) => doc.roots())
        .flatMap((root) => [...root.references()]);
    const { targets, target } = models.find((model) => model.targets && model.target);
    const { image } = models.find((model) => model.type === "Figure" && model.name === figure)
        .renderers.find((renderer) => renderer.name === "image").data_source.data;
    const { shape } = image.at(layer);
    return { unit: targets[target].inside.unit, shape, values: Array.from(image.at(layer)) };
}"""
# All at once: at a pause between two keys the page would ask for a region on the way.
ZOOM_IN = """(maps) => {
    for (let i = 0; i < 4; i++) maps.dispatchEvent(new KeyboardEvent("keydown", { key: "+" }));
}"""


def picture(explorer: ExplorerPage, name: str, layer: int = 0) -> np.ndarray:
    """Return what a heat map is drawn from, in units of the matrix."""
    held = explorer.page.evaluate(PICTURE, [f"map-{name}", layer])
    power = 0.5 if name in "ab" else 1
    return np.reshape(held["values"], held["shape"]) * held["unit"] ** power


def means(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Means over blocks, as many as the picture has."""
    rows, columns = (edges(size, count) for size, count in zip(matrix.shape, shape, strict=True))
    sums = np.add.reduceat(np.add.reduceat(matrix, rows[:-1], 0), columns[:-1], 1)
    return sums / np.outer(np.diff(rows), np.diff(columns))


def set_rank(explorer: ExplorerPage, rank: int) -> None:
    explorer.slider.fill(str(rank))
    explorer.settled()


def assert_pictures(explorer: ExplorerPage, matrix: np.ndarray, rank: int, tol: float) -> None:
    """Compare all five heat maps with LAPACK's, in units of the largest entry shown."""
    U, s, Vh = np.linalg.svd(matrix, full_matrices=False)
    best = (U[:, :rank] * s[:rank]) @ Vh[:rank]
    whole = picture(explorer, "w")
    peak = np.abs(whole).max()
    for name, expected in (("w", matrix), ("r", best), ("error", matrix - best)):
        np.testing.assert_allclose(
            picture(explorer, name), means(expected, whole.shape), atol=tol * peak
        )
    B, A = picture(explorer, "b"), picture(explorer, "a")
    assert (B.shape, A.shape) == ((whole.shape[0], rank), (rank, whole.shape[1]))
    np.testing.assert_allclose(B @ A, means(best, whole.shape), atol=tol * peak)


@pytest.fixture
def open_file(open_file):
    """Open the file of an explorer, without motion."""

    def open_one(view, **options):
        explorer = ExplorerPage(open_file(view, **{"reduced_motion": "reduce", **options}).page)
        explorer.page.wait_for_function("() => Bokeh.documents[0].is_idle")
        explorer.settled()
        return explorer

    return open_one


def test_small_matrix_is_numpys_entry_by_entry_with_numbers_in_the_cells(open_file):
    explorer = open_file(LoraExplorer())
    matrix = two_directions()
    for rank in (1, 3, 8):
        set_rank(explorer, rank)
        assert_pictures(explorer, matrix, rank, 1e-6)
    set_rank(explorer, 1)
    cells = [explorer.drawn("map-w", name) for name in ("numbers", "numbers-on-colour")]
    texts = {
        (int(y), int(x)): text
        for cell in cells
        for y, x, text in zip(cell["y"], cell["x"], cell["text"], strict=True)
    }
    assert texts == {
        (i + 1, j + 1): f"{matrix[i, j]:.2f}".replace("-", "−") for i in range(8) for j in range(8)
    }


def colours(shares: np.ndarray) -> np.ndarray:
    """Red, green and blue of shares of the peak, −1 to 1, on the light page's diverging scale."""
    ends = {
        name: [int(light_palette()[name][i : i + 2], 16) for i in (1, 3, 5)]
        for name in ("negative", "zero", "positive")
    }
    steps = np.clip(np.floor((shares + 1) / 2 * 255), 0, 254)
    return np.stack(
        [np.interp(steps, [0, 127, 254], channel) for channel in zip(*ends.values(), strict=True)],
        axis=-1,
    )


def pixels(explorer: ExplorerPage, nth: int) -> np.ndarray:
    """Return what the canvas under the nth heat map shows."""
    canvas = explorer.root.locator(".under").nth(nth).locator("canvas")
    data, width = canvas.evaluate(
        """(canvas) => [Array.from(canvas.getContext("2d")
            .getImageData(0, 0, canvas.width, canvas.height).data), canvas.width]"""
    )
    return np.reshape(data, (-1, width, 4))[..., :3]


def test_pictures_are_on_the_page_in_their_colours_at_each_rank(open_file):
    explorer = open_file(LoraExplorer(two_directions()[:, :6], rank=4))
    peaks = dict.fromkeys(("w", "r", "error"), np.abs(picture(explorer, "w")).max())
    set_rank(explorer, 6)
    both = np.concatenate([picture(explorer, "b").ravel(), picture(explorer, "a").ravel()])
    peaks |= dict.fromkeys("ba", np.abs(both).max())
    for rank in (6, 1, 2):
        set_rank(explorer, rank)
        for nth, (name, peak) in enumerate(peaks.items()):
            expected = colours(picture(explorer, name) / peak)
            np.testing.assert_allclose(pixels(explorer, nth), expected, atol=3)


def test_real_matrix_is_numpys_at_rank_one_eight_and_full(open_file, shared_data):
    matrix = np.load(shared_data / "minilm_l6_layer0_ffn.npy")
    explorer = open_file(LoraExplorer(matrix, rank=8, name="ffn"))
    for rank in (8, 1, 384):
        set_rank(explorer, rank)
        assert_pictures(explorer, matrix.astype(float), rank, 2e-6)
    expect(explorer.root.get_by_text("Each pixel is the mean over")).to_be_visible()


def test_pair_is_shown_from_its_factors(open_file):
    rng = np.random.default_rng(0)
    pair = LowRank(rng.standard_normal((300, 5)), rng.standard_normal((5, 200)), scale=0.5)
    explorer = open_file(LoraExplorer(pair, rank=2))
    for rank in (2, 5):
        set_rank(explorer, rank)
        assert_pictures(explorer, pair.todense(), rank, 2e-6)


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    return matrices.falling(1400, 1200, rank=80, power=0.5)


def test_pictures_come_with_the_growth_and_closer_on_zoom(large, serve_view, open_tab):
    address = serve_view(lambda: LoraExplorer(large, name="large", max_rank=40, rank=3))
    explorer = ExplorerPage(open_tab(address, reduced_motion="reduce").page)
    expect(explorer.root.get_by_text("values computed: 40 of")).to_be_visible(timeout=60_000)
    set_rank(explorer, 5)
    assert_pictures(explorer, large, 5, 1e-5)
    maps = explorer.root.get_by_role("group", name="heat maps")
    maps.evaluate(ZOOM_IN)
    explorer.page.wait_for_function(f"() => ({PICTURE})(['map-w', -1]).shape[0] < 100")
    U, s, Vh = np.linalg.svd(large, full_matrices=False)
    closer = explorer.page.evaluate(
        """() => Bokeh.documents.flatMap((doc) => doc.roots()).flatMap((r) => [...r.references()])
            .find((model) => model.closer?.region).closer.region"""
    )
    top, bottom, left, right = closer
    assert bottom - top <= 1400 / 16 + 2
    best = (U[:, :5] * s[:5]) @ Vh[:5]
    peak = np.abs(large).max()
    for name, expected in (("w", large), ("r", best), ("error", large - best)):
        np.testing.assert_allclose(
            picture(explorer, name, -1), expected[top:bottom, left:right], atol=1e-5 * peak
        )
    maps.press("0")
    expect(explorer.root.get_by_role("button", name="show the whole")).to_be_visible()


def test_a_cell_is_found_by_keyboard_and_put_into_words(open_file):
    explorer = open_file(LoraExplorer(rank=2))
    matrix = two_directions()
    U, s, Vh = np.linalg.svd(matrix)
    best = (U[:, :2] * s[:2]) @ Vh[:2]
    maps = explorer.root.get_by_role("group", name="heat maps")
    maps.press("ArrowUp")
    maps.press("ArrowLeft")
    row, column = map(int, re.search(r"row (\d), column (\d)", spoken(explorer)).groups())
    i, j = row - 1, column - 1
    for name, value in (("ΔW", matrix), ("B·A", best), ("error", matrix - best)):
        shown = float(re.search(rf"{name} ([−\d.e]+)", spoken(explorer))[1].replace("−", "-"))
        assert shown == pytest.approx(value[i, j], rel=1e-3, abs=1e-6)
    assert explorer.drawn("map-b", "spot") == {"x": [1.5], "y": [row], "w": [2], "h": [1]}
    assert explorer.drawn("map-a", "spot") == {"x": [column], "y": [1.5], "w": [1], "h": [2]}
    for _ in range(9):
        maps.press("ArrowDown")
    assert "row 8" in spoken(explorer)


def spoken(explorer: ExplorerPage) -> str:
    return explorer.root.locator(".spot").inner_text()


def rows_spoken(explorer: ExplorerPage) -> tuple[int, int]:
    first, last = re.match(r"rows (\d+)–(\d+)", spoken(explorer)).groups()
    return int(first), int(last)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_blocks_of_a_large_matrix_and_the_audit(scheme, large, open_file, violations):
    explorer = open_file(LoraExplorer(large, max_rank=6, rank=9), color_scheme=scheme, width=390)
    expect(explorer.root.get_by_text("past rank 6 are not computed")).to_be_visible()
    maps = explorer.root.get_by_role("group", name="heat maps")
    maps.press("ArrowUp")
    assert re.match(r"rows \d+–\d+, columns \d+–\d+ \(mean\)", spoken(explorer))
    first, last = rows_spoken(explorer)
    assert explorer.drawn("map-w", "spot")["h"] == [last - first + 1]
    maps.press("ArrowDown")
    assert rows_spoken(explorer)[0] == last + 1  # one cell, as they are shown
    assert explorer.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(explorer.page) == []
