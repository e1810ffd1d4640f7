import { budgetNow, fullRank, targetsLike } from "./budget_arithmetic.mjs";
import { budgetHead, labelledSelect, stopSlider, targetBoxes } from "./budget_controls.mjs";
import { accuracyPanel, budgetReadouts, memoryTable, sameBudgetPanel } from "./budget_panels.mjs";
import { OPTIMIZERS, budgetSummary } from "./budget_words.mjs";
import { h } from "./dom.mjs";
import { heedSync } from "./notebook.mjs";
import { keepPainted } from "./painting.mjs";
import { statusRegion } from "./status.mjs";

const STATE = ["rank", "model", "targets", "dtype", "optimizer"];
const REFUSED = "At least one matrix stays adapted.";

/** Take what a person changed, with targets and rank that the model has: one message to Python. */
function change(data, changes) {
  const model = data.models[changes.model ?? data.model];
  const targets = changes.targets ?? targetsLike(data.models[data.model], model, data.targets, data.rules.usual);
  const rank = Math.min(changes.rank ?? data.rank, fullRank(model.modules));
  data.setv({ ...changes, targets, rank });
}

function build(model, data) {
  const take = (changes) => change(data, changes);
  const pairs = (names) => names.map((name) => [name, name]);
  const parts = {
    head: budgetHead(),
    model: labelledSelect("model", pairs(Object.keys(model.models)), (name) => take({ model: name })),
    dtype: labelledSelect("dtype", pairs(Object.keys(model.rules.itemsize)), (dtype) => take({ dtype })),
    optimizer: labelledSelect("optimiser", Object.entries(OPTIMIZERS), (optimizer) => take({ optimizer })),
    rank: stopSlider((rank) => take({ rank })),
    targets: targetBoxes((targets) => take({ targets }), () => parts.status.say(REFUSED)),
    readout: budgetReadouts(),
    bytes: memoryTable(),
    same: sameBudgetPanel(take),
    accuracies: accuracyPanel(model.models, model.accuracies, take),
    status: statusRegion(),
  };
  return { ...parts, element: assemble(parts, model) };
}

function assemble(parts, model) {
  const card = (title, ...children) => h("section", { class: "card", "aria-label": title }, h("h2", {}, title), ...children);
  const plot = (name) => h("div", { class: "plot" }, model.get_child(name));
  const elements = (...names) => names.map((name) => parts[name].element);
  return h("div", { class: "explorer budget" },
    parts.head.element,
    h("div", { class: "bar" }, ...elements("model", "rank", "dtype", "optimizer", "targets")),
    h("div", { class: "figures" },
      card("Parameters, each bar to scale", plot("parameters")),
      card("Bytes while training, to scale", plot("memory"), parts.bytes.element)),
    h("div", { class: "side" }, ...elements("readout", "same")),
    parts.accuracies.element,
    parts.status.element);
}

function show(parts, model) {
  const now = budgetNow(model);
  for (const name of ["head", "rank", "readout", "bytes"]) parts[name].show(now);
  for (const name of ["model", "dtype", "optimizer"]) parts[name].show(model[name]);
  parts.targets.show(now, model.targets);
  parts.same.show(now, model);
  return now;
}

export function render({ model, data, el, view }) {
  heedSync(view.model.document);
  const parts = build(model, data);
  parts.status.say(budgetSummary(show(parts, model)));
  model.on(STATE, () => parts.status.show(budgetSummary(show(parts, model))));
  keepPainted(model, data, el, [model.parameters, model.memory]);
  return parts.element;
}
