import { h } from "../shared/dom.mjs";

const SHOWN = 3; // decimals in a field; the exact value is its title
export const LARGEST_ENTRY = 1e100; // in magnitude: products and their squares stay finite

const shownText = (x) => String(Number(x.toFixed(SHOWN)));

/** Entries to type, in native number fields; `label(row, column)` names each, from 1. */
export function entryGrid(name, label, onEntry) {
  const element = h("div", { class: "grid", role: "group", "aria-label": name });
  let fields = [];
  let values = [];
  const restore = (i) => {
    fields[i].value = shownText(values[i]);
  };
  const enter = (i) => {
    const value = fields[i].valueAsNumber;
    if (Math.abs(value) <= LARGEST_ENTRY) onEntry(i, value);
  };
  const build = (rows, columns) => {
    fields = Array.from({ length: rows * columns }, (_, i) =>
      h("input", {
        type: "number",
        step: 0.1,
        "aria-label": label(Math.floor(i / columns) + 1, (i % columns) + 1),
        oninput: () => enter(i),
        onchange: () => restore(i),
      }),
    );
    element.style.setProperty("--columns", columns);
    element.replaceChildren(...fields);
  };
  const show = (M, rows, columns) => {
    if (fields.length !== rows * columns || values.columns !== columns) build(rows, columns);
    values = Object.assign(Array.from(M), { columns });
    const typing = element.getRootNode().activeElement;
    fields.forEach((field, i) => {
      field.title = String(values[i]);
      if (field !== typing || field.valueAsNumber !== values[i]) restore(i);
    });
  };
  return { element, show };
}
