"""Bundled modules in the browser: each keeps a scope of its own."""

from lora_bokeh.views.shared.assets import bundle

SAID = """async (code) => {
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const page = await import(url);
    return [page.said(), page.said()];
}"""


def test_names_of_one_module_are_not_seen_in_another(tmp_path, open_tab):
    """Both have private ``count`` and ``step``; a third counts on with the second's."""
    counter = (
        "let count = {};\nconst step = {};\nexport function {}() {{ return count += step; }}\n"
    )
    (tmp_path / "a.mjs").write_text(counter.format(0, 1, "next"))
    (tmp_path / "b.mjs").write_text(counter.format(10, 5, "next"))
    (tmp_path / "c.mjs").write_text(
        'import { next } from "./b.mjs";\nexport const after = () => next();\n'
    )
    (tmp_path / "page.mjs").write_text(
        'import { next } from "./a.mjs";\n'
        'import { next as other } from "./b.mjs";\n'
        'import { after } from "./c.mjs";\n'
        "const count = 'page';\n"
        "export const said = () => [count, next(), other(), after()];\n"
    )
    page = open_tab("about:blank").page
    assert page.evaluate(SAID, bundle("page.mjs", tmp_path)) == [
        ["page", 1, 15, 20],
        ["page", 2, 25, 30],
    ]
