import { h } from "../shared/dom.mjs";
import { keepHistory } from "../shared/keeping.mjs";
import { among, WHOLE } from "../shared/link.mjs";
import { clamp } from "../shared/lora.mjs";
import { keepPainted } from "../shared/page.mjs";
import { figureCard } from "../shared/panels.mjs";
import { heedSync } from "../shared/privates.mjs";
import { saveMenu } from "../shared/save.mjs";
import { statusRegion } from "../shared/status.mjs";
import { budgetHead, labelledSelect, stopSlider, targetBoxes } from "./controls.mjs";
import { accuracyPanel, budgetReadouts, memoryTable, sameBudgetPanel } from "./panels.mjs";
import { budgetNow, fullRank, modulesNamed, targetsLike } from "./state.mjs";
import { budgetTables } from "./table.mjs";
import { budgetPicture, budgetSummary, budgetTitle, OPTIMIZERS } from "./words.mjs";

const STATE = ["rank", "model", "targets", "dtype", "optimizer"];
const REFUSED = "At least one matrix stays adapted.";

/** Take what a person changed, with targets and rank that the model has: one message to Python. */
function change(data, changes) {
  const model = data.models[changes.model ?? data.model];
  const named = modulesNamed(model, changes.targets ?? []).map((module) => module.name);
  const targets = named.length
    ? named
    : targetsLike(data.models[data.model], model, data.targets, data.rules.usual);
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

/** The card of one of the figures, with the menu that saves it. */
function plotCard(kind, heading, { model, data }, say, tables = {}) {
  const menu = saveMenu(model[kind], heading, () => budgetPicture(budgetNow(data), kind, heading), {
    tables,
    say,
  });
  return figureCard(kind, heading, model.get_child(kind), menu).element;
}

/** The parts of the page, each an element and a way to show the state. */
function build(model, data) {
  const take = (changes) => change(data, changes);
  const pairs = (names) => names.map((name) => [name, name]);
  const status = statusRegion();
  return {
    head: budgetHead(),
    model: labelledSelect("model", pairs(Object.keys(model.models)), (name) => take({ model: name })),
    dtype: labelledSelect("dtype", pairs(Object.keys(model.rules.itemsize)), (dtype) => take({ dtype })),
    optimizer: labelledSelect("optimiser", Object.entries(OPTIMIZERS), (optimizer) => take({ optimizer })),
    rank: stopSlider((rank) => take({ rank })),
    targets: targetBoxes(
      (targets) => take({ targets }),
      () => status.say(REFUSED),
    ),
    readout: budgetReadouts(),
    bytes: memoryTable(),
    same: sameBudgetPanel(take),
    accuracies: accuracyPanel(model.models, model.accuracies, take),
    status,
  };
}

/** The page: heading, controls, figures on the left, figures in digits on the right. */
function assemble(parts, bar, models) {
  const elements = (...names) => names.map((name) => parts[name].element);
  const tables = budgetTables(() => budgetNow(models.data));
  const parameters = plotCard(
    "parameters",
    "Parameters, each bar to scale",
    models,
    parts.status.say,
    tables,
  );
  const memory = plotCard("memory", "Bytes while training, to scale", models, parts.status.say);
  memory.append(parts.bytes.element);
  return h(
    "div",
    { class: "explorer budget" },
    parts.head.element,
    bar,
    h("div", { class: "figures" }, parameters, memory),
    h("div", { class: "side" }, ...elements("readout", "same")),
    ...elements("accuracies", "status"),
  );
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
  const options = {
    apply: (values) => change(data, values),
    title: () => budgetTitle(budgetNow(data)),
    say: parts.status.say,
  };
  const controls = ["model", "rank", "dtype", "optimizer", "targets"].map((name) => parts[name].element);
  const bar = h("div", { class: "bar" }, ...controls, keepHistory({ model, data }, kindsOf(model), options));
  return assemble(parts, bar, { model, data });
}
