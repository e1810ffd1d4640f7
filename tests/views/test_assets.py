"""JavaScript modules join into one text, each with its own scope; colours have one home."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from lora_bokeh.views.shared.assets import bundle, light_palette, stylesheet

JS = Path(str(files("lora_bokeh").joinpath("js")))
MODULES = sorted(path.relative_to(JS).as_posix() for path in JS.rglob("*.mjs"))
EXPORTED = re.compile(r"^export (?:async )?(?:function\*?|class|const) (\w+)", re.M)


def module_names(text):
    return re.findall(r"^const (\$\d+)=\(\(\)=>\{$", text, re.M)


@pytest.fixture
def modules(tmp_path):
    """Write modules, path → text, into a folder, and return it."""

    def write(texts):
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize("module", MODULES)
def test_bundle_holds_every_module_once_and_imports_nothing(module):
    text = bundle(module)
    assert not re.search(r"^import ", text, re.MULTILINE)
    names = module_names(text)
    assert names == [f"${number}" for number in range(len(names))]
    assert set(re.findall(r"\}=(\$\d+)[,;]", text)) == set(names)
    assert EXPORTED.findall(text) == EXPORTED.findall((JS / module).read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_imports_is_exported_there(module):
    source = (JS / module).read_text(encoding="utf-8")
    for names, path in re.findall(r'^import \{([^}]*)\} from "([^"]+)";', source, re.M):
        other = (JS / module).parent / path
        exported = EXPORTED.findall(other.read_text(encoding="utf-8"))
        assert set(re.findall(r"(\w+)(?: as \w+)?", names)) <= set(exported)


@pytest.mark.parametrize("module", MODULES)
def test_no_text_spans_lines(module):
    """A bundle drops indentation, which in a text of several lines would be part of it."""
    source = (JS / module).read_text(encoding="utf-8")
    assert not [line for line in source.splitlines() if line.count("`") % 2]


def test_names_of_the_bundle_are_no_names_of_a_module():
    assert not [m for m in MODULES if re.search(r"\$\d", (JS / m).read_text(encoding="utf-8"))]


def test_imports_are_resolved_from_the_folder_of_the_module(modules):
    folder = modules({
        "pages/page.mjs": 'import { one } from "./near.mjs";\nimport { two } from "../a/b.mjs";\n',
        "pages/near.mjs": 'import { two } from "../a/b.mjs";\nexport const one = two;\n',
        "a/b.mjs": "export function two() {\n  return 2;\n}\n",
    })  # fmt: skip
    assert bundle("pages/page.mjs", folder) == (
        "const $0=(()=>{\nfunction two() {\nreturn 2;\n}\nreturn{two}})();\n"
        "const $1=(()=>{\nconst{two}=$0;\nconst one = two;\nreturn{one}})();\n"
        "const{one}=$1,{two}=$0;\n"
    )


def test_a_name_may_be_renamed_where_it_is_imported(modules):
    folder = modules({
        "page.mjs": 'import {\n  a as b,\n  c,\n} from "./a.mjs";\n',
        "a.mjs": "export const a = 1;\nexport class c {}\n",
    })  # fmt: skip
    assert bundle("page.mjs", folder).endswith("return{a,c}})();\nconst{a:b,c,}=$0;\n")


def test_a_circle_is_named(modules):
    folder = modules({
        "page.mjs": 'import { a } from "./x/a.mjs";\n',
        "x/a.mjs": 'import { b } from "./b.mjs";\n',
        "x/b.mjs": 'import { a } from "../x/a.mjs";\n',
    })  # fmt: skip
    with pytest.raises(ValueError, match=r"in a circle: x/a\.mjs → x/b\.mjs → x/a\.mjs$"):
        bundle("page.mjs", folder)


@pytest.mark.parametrize("path", ["./gone.mjs", "../outside.mjs"])
def test_a_module_that_is_not_there_is_named_with_the_one_that_wants_it(modules, path):
    folder = modules({"js/page.mjs": f'import {{ a }} from "{path}";\n', "outside.mjs": ""})
    with pytest.raises(ValueError, match=r"^page\.mjs: there is no module "):
        bundle("page.mjs", folder / "js")


@pytest.mark.parametrize(
    "line",
    [
        'import * as all from "./a.mjs";',
        'import a from "./a.mjs";',
        "import { a } from './a.mjs';",
        'export { a } from "./a.mjs";',
        "export let a = 1;",
    ],
)
def test_a_form_that_it_does_not_know_is_refused(modules, line):
    folder = modules({"page.mjs": line + "\n", "a.mjs": "export const a = 1;\n"})
    with pytest.raises(ValueError, match=r"^page\.mjs: a form of import or export not used here: "):
        bundle("page.mjs", folder)


def test_every_colour_has_a_light_and_a_dark_value():
    light, dark = stylesheet("palette.css").split(":host([")
    assert re.findall(r"--[\w-]+(?=: #)", light) == re.findall(r"--[\w-]+(?=: #)", dark)
    assert set(re.findall(r"var\(--([\w-]+)", stylesheet("shared.css"))) <= {
        *light_palette(), "share", "fill",
    }  # fmt: skip
