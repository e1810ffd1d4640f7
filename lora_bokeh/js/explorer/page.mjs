import { indexPanel } from "../adapter/list.mjs";
import { matrixAt } from "../adapter/map.mjs";
import { planPanel } from "../adapter/plan.mjs";
import { insidePanel } from "../heatmaps/panel.mjs";
import { metricRadios, rankSlider, sizeSlider, targetChooser } from "../shared/controls.mjs";
import { h } from "../shared/dom.mjs";
import { keepHistory } from "../shared/keeping.mjs";
import { among, POSITIVE, WHOLE } from "../shared/link.mjs";
import { clamp, situation } from "../shared/lora.mjs";
import { keepPainted } from "../shared/page.mjs";
import { headPanel, progressPanel, readoutPanel } from "../shared/panels.mjs";
import { heedSync, sparePlaces } from "../shared/privates.mjs";
import { statusRegion } from "../shared/status.mjs";
import { cardOf, mapCard, mapMenu } from "./cards.mjs";
import { keepGrowing } from "./growing.mjs";
import { nearestThreshold, rulesPanel } from "./rules.mjs";
import { METRICS, stateTitle, summary } from "./words.mjs";

let instances = 0;

/** Take what a person changed, with the rank cut to what that leaves: one message to Python. */
function change(data, changes) {
  const { targets, target, d, k, rank, metric } = data;
  const next = situation({ targets, target, d, k, rank, metric, ...changes });
  data.setv({ ...changes, rank: next.rank });
}

/** Show a matrix of the file: at once if the page holds it, else Python reads it first. */
function choose(data, name) {
  if (name in data.targets) change(data, { target: name });
  else if (data.hosted) data.request = name;
}

/** What a link, a step back and a bookmark carry of an explorer. */
function kindsOf(model, data) {
  if (!model.curve) return { rank: WHOLE, d: WHOLE, k: WHOLE };
  const names = () => [
    ...Object.keys(data.targets),
    ...(data.hosted ? data.index.map((row) => row.name) : []),
  ];
  const kinds = { target: among(names), rank: WHOLE, metric: among(() => Object.keys(METRICS)) };
  if (model.rules.length) kinds.threshold = nearestThreshold(() => data.thresholds);
  return model.factors ? { ...kinds, alpha: POSITIVE } : kinds;
}

/** Bring an explorer to a state; a target that the page lacks is read by Python first. */
async function bring(data, { target = data.target, ...rest }) {
  if (target && !(target in data.targets)) {
    choose(data, target);
    await new Promise((arrived) =>
      data.properties.target.change.connect(() => data.target === target && arrived()),
    );
  }
  const [low, high] = data.size_bounds;
  for (const size of ["d", "k"]) if (size in rest) rest[size] = clamp(rest[size], low, high);
  change(data, { target, ...rest });
}

/** Everything of an explorer that is HTML. Its figures are children that explorer/redraw.mjs draws. */
function build(model, data) {
  const size = (name, key) => sizeSlider(name, model.size_bounds, (n) => change(data, { [key]: n }));
  const said = statusRegion();
  const parts = {
    head: headPanel(),
    rank: rankSlider((rank) => change(data, { rank })),
    rows: model.curve ? null : size("rows d", "d"),
    columns: model.curve ? null : size("columns k", "k"),
    metric: model.curve && metricRadios(`metric-${++instances}`, (metric) => change(data, { metric })),
    target: model.curve && targetChooser((target) => change(data, { target })),
    factors: cardOf("factors", "The update and its factors, to scale", model, data, said.say),
    curve: cardOf("curve", "Reconstruction residual by rank", model, data, said.say),
    index: indexPanel(
      (name) => choose(data, name),
      () => {
        model.surveys += 1;
      },
    ),
    map: mapCard(model, data, said.say),
    plan: planPanel(`plan-${++instances}`, (kept) => data.setv({ kept }, { sync: false })),
    inside: model.inside?.length
      ? insidePanel(model, model.get_child("inside"), (figure) => mapMenu(figure, model, data, said.say))
      : null,
    readout: readoutPanel(),
    rules: rulesPanel(
      (rank) => change(data, { rank }),
      (stop) => data.setv({ threshold: data.thresholds[stop] }, { sync: false }),
    ),
    progress: progressPanel(
      () => {
        model.cancels += 1;
      },
      () => {
        model.extensions += 1;
      },
    ),
    status: said,
  };
  const {
    head,
    index,
    map,
    plan,
    rank,
    rows,
    columns,
    metric,
    target,
    factors,
    curve,
    inside,
    readout,
    rules,
    progress,
    status,
  } = parts;
  const elements = (...some) =>
    some.map((part) => part?.element ?? part).filter((element) => element instanceof Node);
  const figures = h("div", { class: "figures" }, ...elements(factors, curve));
  const side = h("div", { class: "side" }, ...elements(readout, rules));
  const bar = h("div", { class: "bar" }, ...elements(rank, rows, columns, metric, target, progress));
  const element = h(
    "div",
    { class: "explorer" },
    ...elements(head, index, map, plan, bar, figures, side, inside, status),
  );
  return { ...parts, bar, element };
}

function show(parts, model) {
  const now = situation(model);
  parts.head.show(now, model);
  parts.rank.show(now);
  parts.rows?.show(now.d);
  parts.columns?.show(now.k);
  parts.metric?.show(now);
  parts.target?.show(model.targets, model.target);
  const symbol = parts.factors ? "ΔW" : "W";
  parts.curve?.show(now, symbol);
  parts.inside?.show(now, symbol);
  parts.readout.show(now, { showCounts: Boolean(parts.factors), alpha: model.alpha });
  parts.progress.show(model);
  parts.plan.show(model);
  parts.map?.show();
  parts.index.show(model, model.kept);
  parts.index.element.hidden = !model.index.length;
  parts.rules.show(now, model);
  parts.readout.element.hidden = !model.show_parameter_count;
  parts.element.classList.toggle("file", model.index.length > 0);
  parts.element.classList.toggle("no-readout", !model.show_parameter_count);
  return now;
}

/** A click or a drag on the curve sets the rank too. */
function followPointer(data, figure) {
  const pick = ({ x }) => {
    const rank = clamp(Math.round(x), 1, situation(data).end);
    if (Number.isFinite(rank) && rank !== data.rank) change(data, { rank });
  };
  for (const gesture of ["tap", "panstart", "pan"]) figure.on_event(gesture, pick);
  let held = false; // a pointer that rests before it moves is a press to Bokeh, and never pans
  figure.on_event("press", (event) => {
    held = true;
    pick(event);
  });
  figure.on_event("mousemove", (event) => held && pick(event));
  for (const end of ["pressup", "mouseleave"])
    figure.on_event(end, () => {
      held = false;
    });
}

export function render({ model, data, el, view }) {
  heedSync(view.model.document);
  const parts = build(model, data);
  const update = () => parts.status.show(summary(show(parts, model)));
  parts.status.say(summary(show(parts, model)));
  model.on(
    [
      "progress",
      "surveying",
      "index",
      "notes",
      "plans",
      "kept",
      "rank",
      "metric",
      "threshold",
      "target",
      "targets",
      "closer",
      "d",
      "k",
      "notice",
      "alpha",
      "heading",
      "show_parameter_count",
    ],
    update,
  );
  if (model.curve) followPointer(data, model.curve);
  for (const gesture of ["tap", "press"]) {
    model.map?.on_event(gesture, (event) => {
      const target = matrixAt(event, model.map);
      if (target !== null) choose(data, target);
    });
  }
  keepGrowing(model, data);
  const figures = [model.factors, model.curve, model.map, ...(model.inside ?? [])].filter(Boolean);
  for (const figure of figures) sparePlaces(view.get_child_view(figure));
  keepPainted(model, data, el, figures);
  const options = {
    apply: (values) => bring(data, values),
    title: () => stateTitle(situation(data)),
    say: parts.status.say,
  };
  parts.bar.append(keepHistory({ model, data }, kindsOf(model, data), options));
  return parts.element;
}
