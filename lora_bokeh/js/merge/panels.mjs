import { h, setText } from "../shared/dom.mjs";
import { LAST_SEED } from "./draws.mjs";
import { entryGrid } from "./grids.mjs";
import { differenceText, roundingSentence, wayRows } from "./words.mjs";

const place = (name) => (row, column) => `${name} row ${row} column ${column}`;

/** The factors: the ways they begin, and their entries to type where they are few. */
export function factorsPanel({ onStart, onEntry }) {
  const button = (text, start) => h("button", { type: "button", onclick: () => onStart(start) }, text);
  const best = button("", "best");
  const buttons = { zero: button("B = 0", "zero"), random: button("random B and A", "random"), best };
  const typedSeed = () => Math.min(Math.max(Math.round(seed.valueAsNumber || 0), 0), LAST_SEED);
  const seed = h("input", {
    type: "number",
    min: 0,
    max: LAST_SEED,
    step: 1,
    onchange: () => onStart("random", typedSeed()),
  });
  const starts = h(
    "div",
    { class: "ways" },
    ...Object.values(buttons),
    h("label", { class: "seed" }, "seed", seed),
  );
  const B = entryGrid("B", place("B"), (i, value) => onEntry("B", i, value));
  const A = entryGrid("A", place("A"), (i, value) => onEntry("A", i, value));
  const titles = { B: h("h3"), A: h("h3") };
  const grids = h(
    "div",
    { class: "grids" },
    h("div", {}, titles.B, B.element),
    h("div", {}, titles.A, A.element),
  );
  const large = h("p", { class: "note" }, "Too many entries to type here: B and A can be set from Python.");
  const element = h(
    "section",
    { class: "card factors", "aria-label": "factors" },
    h("h2", {}, "The factors B and A"),
    starts,
    grids,
    large,
  );
  const show = (now) => {
    setText(best, `best rank ${now.rank}`);
    best.hidden = !now.best;
    seed.value = now.record.seed;
    for (const [start, each] of Object.entries(buttons))
      each.setAttribute("aria-pressed", String(start === now.record.start));
    [grids.hidden, large.hidden] = [!now.small, now.small];
    if (!now.small) return;
    setText(titles.B, `B, ${now.d} × ${now.rank}`);
    setText(titles.A, `A, ${now.rank} × ${now.k}`);
    B.show(now.B, now.d, now.rank);
    A.show(now.A, now.rank, now.k);
  };
  return { element, show };
}

function twoWays() {
  const body = h("tbody");
  const head = h(
    "tr",
    {},
    ...["", "unmerged: Wx + s·B(Ax)", "merged: W′x"].map((text) =>
      text ? h("th", { scope: "col" }, text) : h("td"),
    ),
  );
  const element = h("table", {}, h("thead", {}, head), body);
  const show = (rows) =>
    body.replaceChildren(
      ...rows.map(([what, ...cells]) =>
        h("tr", {}, h("th", { scope: "row" }, what), ...cells.map((text) => h("td", {}, text))),
      ),
    );
  return { element, show };
}

/** The forward pass: x to type or draw, its bars, and what both ways of computing h cost. */
export function forwardPanel(plots, { onEntry, onDraw }) {
  const entries = entryGrid("x", (_row, column) => `x ${column}`, onEntry);
  const seed = h("span", { class: "count" });
  const input = h(
    "div",
    { class: "ways" },
    h("button", { type: "button", onclick: onDraw }, "new x"),
    seed,
    entries.element,
  );
  const bars = h("div", { class: "bars" }, ...plots);
  const greatest = h("p", { class: "sentence", role: "note" });
  const why = h("p", { class: "note" });
  const table = twoWays();
  const element = h(
    "section",
    { class: "card forward", "aria-label": "forward pass" },
    h("h2", {}, "Forward pass: h = Wx + s·B(Ax)"),
    input,
    bars,
    greatest,
    why,
    table.element,
  );
  const show = (now, drawn, facts) => {
    setText(seed, `seed ${drawn}`);
    entries.element.hidden = !now.small;
    if (now.small) entries.show(now.x, 1, now.k);
    setText(greatest, `Greatest difference between the two: ${differenceText(facts)}.`);
    setText(why, roundingSentence(facts));
    table.show(wayRows(now, facts));
  };
  return { element, show };
}
