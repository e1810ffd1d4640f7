import { budgetNow, fullRank, modulesNamed, targetsLike } from "./budget_arithmetic.mjs";
import { budgetHead, labelledSelect, stopSlider, targetBoxes } from "./budget_controls.mjs";
import { accuracyPanel, budgetReadouts, memoryTable, sameBudgetPanel } from "./budget_panels.mjs";
import { OPTIMIZERS, budgetSummary, budgetTitle } from "./budget_words.mjs";
import { clamp } from "./arithmetic.mjs";
import { h } from "./dom.mjs";
import { keepHistory } from "./keeping.mjs";
import { WHOLE, among } from "./link.mjs";
import { heedSync } from "./notebook.mjs";
import { keepPainted } from "./painting.mjs";
import { statusRegion } from "./status.mjs";

const STATE = ["rank", "model", "targets", "dtype", "optimizer"];
const REFUSED = "At least one matrix stays adapted.";

/** Take what a person changed, with targets and rank that the model has: one message to Python. */
function change(data, changes) {
  const model = data.models[changes.model ?? data.model];
  const named = modulesNamed(model, changes.targets ?? []).map((module) => module.name);
  const targets = named.length ? named : targetsLike(data.models[data.model], model, data.targets, data.rules.usual);
  const rank = clamp(changes.rank ?? data.rank, 1, fullRank(model.modules));
  data.setv({ ...changes, targets, rank });
}

/** What a link and the history hold of the state. */
function kindsOf({ models, rules }) {
  return {
    model: among(() => Object.keys(models)),
    targets: (text) => text.split(","),
    rank: WHOLE,
    dtype: among(() => Object.keys(rules.itemsize)),
    optimizer: among(() => Object.keys(rules.moments)),
  };
}

/** The parts of the page, each an element and a way to show the state. */
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
  const bar = h("div", { class: "bar" }, ...["model", "rank", "dtype", "optimizer", "targets"].map((name) => parts[name].element));
  return { ...parts, bar, element: assemble({ ...parts, bar }, model) };
}

function assemble(parts, model) {
  const card = (title, ...children) => h("section", { class: "card", "aria-label": title }, h("h2", {}, title), ...children);
  const plot = (name) => h("div", { class: "plot" }, model.get_child(name));
  const elements = (...names) => names.map((name) => parts[name].element);
  return h("div", { class: "explorer budget" },
    parts.head.element,
    parts.bar,
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
  const options = { apply: (values) => change(data, values), title: () => budgetTitle(budgetNow(data)), say: parts.status.say };
  parts.bar.append(keepHistory({ model, data, view }, kindsOf(model), options));
  return parts.element;
}
