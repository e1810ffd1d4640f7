"""The first notebook in a real JupyterLab: the page moves Python, and Python moves the page."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import let_settle

OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--port=0",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.expose_app_in_browser=True",
)
LINKED = "FactorizationPlot(d=256, rank=explorer.param.rank)"
VIEWS = ("LoraExplorer()", "explorer", LINKED)  # last lines of the cells that show one
COUNT = """async () => {
    const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
    await sessionContext.ready;
    await sessionContext.session.kernel.info;
    return content.widgets.length;
}"""
RUN_NEXT = """async () => {
    const { commands, shell } = window.jupyterapp;
    const source = shell.currentWidget.content.activeCell.model.sharedModel.getSource();
    await commands.execute("notebook:run-cell-and-select-next");
    return source.split("\\n").at(-1);
}"""
EVALUATE = """async (expression) => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const request = { code: "pass", user_expressions: { answer: expression } };
    const { content } = await kernel.requestExecute(request).done;
    return content.user_expressions.answer.data["text/plain"];
}"""


@pytest.fixture
def lab(pytestconfig, tmp_path, serve_command, monkeypatch, open_tab) -> Page:
    """The notebook, open in a JupyterLab without anybody's settings, every cell run."""
    notebook = pytestconfig.rootpath / "notebooks" / "01_rank_explorer.ipynb"
    (tmp_path / "notebooks").mkdir()
    shutil.copy(notebook, tmp_path / "notebooks")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "settings"))
    url = serve_command("jupyterlab", *OPTIONS, f"--ServerApp.root_dir={tmp_path / 'notebooks'}")
    address, token = url.split("?")
    page = open_tab(f"{address}/tree/{notebook.name}?{token}", height=2000).page
    page.locator(".jp-CodeCell").first.wait_for(timeout=60_000)
    for _ in range(page.evaluate(COUNT)):
        # At a person's pace: each cell is run when the view of the one before is there.
        if (code := page.evaluate(RUN_NEXT)) in VIEWS:
            expect(slider_of(page, code)).to_be_visible()
        let_settle(page)
    return page


def slider_of(lab: Page, code: str) -> Locator:
    """Rank slider under the cell that ends with this line."""
    cell = lab.locator(".jp-CodeCell").filter(has=lab.get_by_text(code, exact=True))
    return cell.get_by_role("slider", name="rank", exact=True)


def test_page_and_python_agree_in_both_directions(lab):
    explorer = slider_of(lab, "explorer")
    linked = slider_of(lab, LINKED)
    for slider in (explorer, linked):
        expect(slider).to_have_value("4")  # as a cell of the notebook says
    lab.evaluate(EVALUATE, "setattr(explorer, 'rank', 9)")
    for slider in (explorer, linked):
        expect(slider).to_have_value("9")
    explorer.press("ArrowRight")
    expect(linked).to_have_value("10")
    assert lab.evaluate(EVALUATE, "explorer.rank") == "10"
    let_settle(lab)  # undo takes back settled changes
    linked.press("Home")
    expect(explorer).to_have_value("1")
    assert lab.evaluate(EVALUATE, "explorer.rank") == "1"
    assert_notebook_is_no_page_of_ours(lab, linked, explorer)


def assert_notebook_is_no_page_of_ours(lab: Page, linked: Locator, explorer: Locator) -> None:
    """Its address is left alone; undo is where the focus is; figures can be saved."""
    expect(lab.get_by_role("button", name="Copy link")).to_have_count(0)
    assert "#" not in lab.url
    let_settle(lab)
    linked.press("Control+z")
    expect(explorer).to_have_value("10")
    with lab.expect_download() as download:
        lab.locator("[data-figure=curve] summary").first.press("Enter")
        lab.locator("[data-figure=curve]").first.get_by_role("button", name="SVG").click()
    assert download.value.suggested_filename.endswith("-frobenius-curve.svg")
