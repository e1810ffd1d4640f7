import { h, setText } from "../shared/dom.mjs";
import { formatBytes, formatExact } from "../shared/numbers.mjs";
import { readoutRow } from "../shared/panels.mjs";
import { modulesOf, sameBudget, totalBytes } from "./state.mjs";
import { budgetCaution, budgetReadout, memoryRows } from "./words.mjs";

/** The readouts; exact values on hover. */
export function budgetReadouts() {
  const list = h("dl");
  const note = h("p", { class: "note" });
  const element = h("section", { class: "card readout", "aria-label": "readouts" }, list, note);
  const show = (now) => {
    list.replaceChildren(...budgetReadout(now).map(readoutRow));
    setText(note, budgetCaution(now));
  };
  return { element, show };
}

const headRow = (...titles) =>
  h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", { scope: "col" }, title))));
const bodyRow = (name, ...cells) =>
  h("tr", {}, h("th", { scope: "row" }, ...[name].flat()), ...cells.map((cell) => h("td", {}, cell)));

/** The bytes behind the two stacked bars, part by part; it is their legend too. */
export function memoryTable() {
  const body = h("tbody");
  const element = h(
    "table",
    { class: "parts" },
    headRow("bytes while training", "LoRA", "whole model"),
    body,
  );
  const show = (now) => {
    const rows = Object.entries(memoryRows(now)).map(([part, name]) =>
      bodyRow(
        [h("span", { class: `swatch ${part}`, "aria-hidden": "true" }), name],
        formatBytes(now.lora[part]),
        formatBytes(now.full[part]),
      ),
    );
    body.replaceChildren(
      ...rows,
      bodyRow(
        "in all, without activations",
        formatBytes(totalBytes(now.lora)),
        formatBytes(totalBytes(now.full)),
      ),
    );
  };
  return { element, show };
}

/** Keep the focus on the button of the same name when a table is written again. */
function rewrite(body, rows) {
  const focused = body.getRootNode().activeElement?.getAttribute("aria-label");
  body.replaceChildren(...rows);
  if (focused)
    [...body.querySelectorAll("button")]
      .find((button) => button.getAttribute("aria-label") === focused)
      ?.focus();
}

function rankButton(names, rank, onChoose) {
  if (!rank) return "too small";
  return h(
    "button",
    { type: "button", "aria-label": `${names}: set rank ${rank}`, onclick: onChoose },
    String(rank),
  );
}

/** The same number of parameters on other matrices of the model: which rank it buys there. */
export function sameBudgetPanel(onChoose) {
  const body = h("tbody");
  const budget = h("p", { class: "what" });
  const table = h("table", {}, headRow("on", "rank", "trained"), body);
  const element = h(
    "section",
    { class: "card same", "aria-label": "the same budget" },
    h("h2", {}, "The same budget on other matrices"),
    budget,
    table,
  );
  const show = (now, { rules }) => {
    setText(budget, `${formatExact(now.trainable)} parameters buy, at most:`);
    rewrite(
      body,
      sameBudget(now.model, now.trainable, rules.sets).map(({ modules, rank, trainable }) => {
        const names = modules.map((module) => module.name);
        const text =
          modules.length === now.model.modules.length && modules.length > 2 ? "all" : names.join(", ");
        return bodyRow(
          text,
          rankButton(text, rank, () => onChoose({ targets: names, rank })),
          rank ? formatExact(trainable) : "–",
        );
      }),
    );
  };
  return { element, show };
}

/** What one budget bought on different matrices, as published; each row can be looked at. */
export function accuracyPanel(models, table, onChoose) {
  const model = models[table.model];
  const scores = Object.entries(table.spread);
  const rows = table.cases.map(({ targets, rank, ...score }) => {
    const names = targets.join(", ");
    const choose = () =>
      onChoose({ model: table.model, targets: modulesOf(model, targets).map((module) => module.name), rank });
    return bodyRow(
      names,
      rankButton(`${table.model} ${names}`, rank, choose),
      ...scores.map(([name]) => score[name].toFixed(1)),
    );
  });
  const head = headRow("on", "rank", ...scores.map(([name, spread]) => `${name} ±${spread}`));
  const caption = `${formatExact(table.parameters)} parameters of ${table.model} each, accuracy in %; ± is the spread between seeds. Spread over q and v, or over all four, the budget did at least as well as on any one of them.`;
  const source = h("p", { class: "formula" }, `${table.title}, ${table.source}`);
  const element = h(
    "section",
    { class: "card accuracies", "aria-label": "published accuracies" },
    h("h2", {}, "What one budget bought"),
    h("p", { class: "what" }, caption),
    h("table", {}, head, h("tbody", {}, ...rows)),
    source,
  );
  return { element };
}
