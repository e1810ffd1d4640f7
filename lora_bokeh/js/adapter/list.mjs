import { h, renew, setText } from "../shared/dom.mjs";
import { formatCount, formatExact, formatSignificant } from "../shared/numbers.mjs";

// The list of a file's matrices: searched, sorted, and chosen from. Its rows come from Python.

const number = (value) => (value === null || value === undefined ? "–" : String(value));

const lowerBound = (answer) => (answer ? `${answer[1] ? "" : "≥ "}${answer[0]}` : "–");

/** Columns of the list: heading, what to sort by, what to show, a longer name on hover. */
export const COLUMNS = [
  { title: "matrix", key: (row) => row.name, text: (row) => row.name },
  { title: "shape", key: (row) => row.shape[0] * row.shape[1], text: (row) => row.shape.join(" × ") },
  {
    title: "r",
    key: (row) => row.rank,
    text: (row) => number(row.rank),
    hint: "rank stored",
    optional: true,
  },
  {
    title: "scale",
    key: (row) => row.scale,
    text: (row) => formatSignificant(row.scale),
    hint: "s of ΔW = s·B·A",
    optional: true,
  },
  {
    title: "90 %",
    key: (row) => row.needs[0],
    text: (row) => number(row.needs[0]),
    hint: "rank for 90 % of the energy",
  },
  {
    title: "95 %",
    key: (row) => row.needs[1],
    text: (row) => number(row.needs[1]),
    hint: "rank for 95 % of the energy",
  },
  {
    title: "99 %",
    key: (row) => row.needs[2],
    text: (row) => number(row.needs[2]),
    hint: "rank for 99 % of the energy",
  },
  {
    title: "stable",
    key: (row) => row.stable,
    text: (row) => (row.stable === null ? "–" : row.stable.toFixed(1)),
    hint: "stable rank ‖W‖²_F/σ₁²",
  },
  {
    title: "floor",
    key: (row) => row.above?.[0],
    text: (row) => lowerBound(row.above),
    hint: "rank above the rounding floor",
    optional: true,
  },
  {
    title: "plan",
    key: (row) => row.planned,
    text: (row) => number(row.planned),
    hint: "rank that the plan below keeps",
    optional: true,
  },
];

/** Text is compared by its words and numbers ("layer.10" after "layer.9"); unknowns come last. */
export function compareKeys(a, b) {
  const missing = (x) => x === null || x === undefined;
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

/** Rows whose name holds every word of the search, in the order of a column. */
export function selectRows(rows, search, column, descending) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((row) => words.every((word) => row.name.toLowerCase().includes(word)));
  const { key } = COLUMNS[column];
  const sorted = found
    .map((row, i) => [row, i])
    .sort(([a, i], [b, j]) => compareKeys(key(a), key(b)) || i - j)
    .map(([row]) => row);
  return descending ? sorted.reverse() : sorted;
}

/** Which columns have something to say of any row: an adapter has a plan, a difference a floor. */
export function shownColumns(rows) {
  const says = ({ key, optional }) =>
    !optional || rows.some((row) => key(row) !== null && key(row) !== undefined);
  return COLUMNS.map(says);
}

/** How many matrices are listed, and what they hold in all. */
export function indexSummary(rows, found) {
  const parameters = rows.reduce((sum, row) => sum + row.parameters, 0);
  const count =
    found.length === rows.length
      ? formatExact(rows.length)
      : `${formatExact(found.length)} of ${formatExact(rows.length)}`;
  return `${count} matrices, ${formatCount(parameters)} parameters in the file`;
}

function listRow(row, { chosen, there, columns }, onChoose) {
  const title = there ? null : "not computed: this file holds no curve of it";
  const choose = h(
    "button",
    {
      type: "button",
      class: "choose",
      disabled: !there,
      title,
      "aria-pressed": String(chosen),
      onclick: () => onChoose(row.name),
    },
    row.name,
  );
  const cells = COLUMNS.map((column, i) => columns[i] && h("td", {}, column.text(row)))
    .slice(1)
    .filter(Boolean);
  return h("tr", { class: chosen ? "chosen" : null }, h("th", { scope: "row" }, choose), ...cells);
}

/** The list itself, with its search field and sortable headings. */
export function indexPanel(onChoose, onSurvey) {
  let [rows, state, column, descending] = [[], null, null, false];
  const search = h("input", {
    type: "search",
    placeholder: "search names",
    "aria-label": "search matrices",
    oninput: () => draw(),
  });
  const count = h("span", { class: "count" });
  const survey = h("button", { type: "button", onclick: onSurvey });
  const body = h("tbody");
  const sort = (i) => {
    [column, descending] = column === i ? [i, !descending] : [i, false];
    draw();
  };
  const heads = COLUMNS.map(({ title, hint }, i) =>
    h("th", { scope: "col", title: hint }, h("button", { type: "button", onclick: () => sort(i) }, title)),
  );
  const table = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body);
  const notes = h("ul", { class: "notes" });
  const list = h(
    "div",
    { class: "list", tabindex: "0", role: "group", "aria-label": "list of matrices" },
    table,
  );
  const element = h(
    "section",
    { class: "card index", "aria-label": "matrices" },
    h("h2", {}, "Matrices in the file"),
    h("div", { class: "search" }, search, count, survey),
    list,
    notes,
  );
  const draw = () => {
    const found = selectRows(rows, search.value, column ?? 0, descending);
    const shown = column === null ? rows.filter((row) => found.includes(row)) : found;
    const columns = shownColumns(rows);
    const how = (row) => ({
      chosen: row.name === state.target,
      there: state.hosted || row.name in state.targets,
      columns,
    });
    renew(body, ...shown.map((row) => listRow(row, how(row), onChoose)));
    heads.forEach((head, i) => {
      head.hidden = !columns[i];
      head.setAttribute("aria-sort", i !== column ? "none" : descending ? "descending" : "ascending");
    });
    setText(count, indexSummary(rows, shown));
  };
  const drawSurvey = () => {
    const known = rows.filter((row) => row.stable !== null).length;
    survey.hidden = !state.hosted || (known === rows.length && !state.surveying);
    setText(
      survey,
      state.surveying ? `Stop: ${formatExact(known)} of ${formatExact(rows.length)} computed` : "Compute all",
    );
  };
  const show = (model, planned) => {
    state = model;
    rows = state.index.map((row, i) => ({ ...row, planned: planned?.[i] ?? null }));
    notes.replaceChildren(...state.notes.map((note) => h("li", {}, note)));
    const focused = list.getRootNode().activeElement?.textContent;
    const chosen = document.activeElement && list.contains(list.getRootNode().activeElement);
    draw();
    drawSurvey();
    if (chosen)
      [...body.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
  };
  return { element, show };
}
