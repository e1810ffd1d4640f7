import { choiceRadios } from "../shared/choices.mjs";
import { rankSlider, targetChooser } from "../shared/controls.mjs";
import { h } from "../shared/dom.mjs";
import { keepHistory } from "../shared/keeping.mjs";
import { among, WHOLE } from "../shared/link.mjs";
import { clamp } from "../shared/lora.mjs";
import { formatExact } from "../shared/numbers.mjs";
import { keepPainted } from "../shared/page.mjs";
import { heedSync } from "../shared/privates.mjs";
import { saveMenu } from "../shared/save.mjs";
import { statusRegion } from "../shared/status.mjs";
import {
  lossCard,
  namedSelect,
  rateSlider,
  runButtons,
  stepTable,
  trainingHead,
  trainingReadouts,
} from "./panels.mjs";
import { Player } from "./player.mjs";
import { isUnfinished, lastStep, nextStep, runOf, shownAt } from "./state.mjs";
import { trainingTables } from "./table.mjs";
import {
  LOSS_HEADING,
  lossPicture,
  OPTIMIZER_NAMES,
  runLabel,
  START_NAMES,
  trainingSummary,
} from "./words.mjs";

const QUIETLY = { sync: false };
const EARLIER = 8; // lines of earlier runs that are kept
const SETTINGS = ["target", "rank", "optimizer", "learning_rate", "init"];

let trainings = 0;

/** Take what a person changed, with the rank cut to what the target has. */
function changeSetting(data, changes) {
  const { floors } = data.targets[changes.target ?? data.target];
  const rank = clamp(changes.rank ?? data.rank, 1, floors.length - 1);
  data.setv({ ...changes, rank });
}

/** What a link and the history hold of the state; a file has runs at some learning rates only. */
function kindsOfTraining(data) {
  const rate = (text) =>
    Number(text) > 0 && (data.hosted || data.rates.includes(Number(text))) ? Number(text) : undefined;
  return {
    target: among(() => Object.keys(data.targets)),
    rank: WHOLE,
    optimizer: among(() => OPTIMIZER_NAMES.map(([name]) => name)),
    learning_rate: rate,
    init: among(() => START_NAMES.map(([name]) => name)),
    steps: (text) => data.lengths.find((length) => length === WHOLE(text)),
  };
}

function buildTraining(model, data, acts) {
  const change = (name) => (value) => changeSetting(data, { [name]: value });
  const say = (text) => parts.status.say(text);
  const parts = {
    head: trainingHead(),
    rank: rankSlider(change("rank")),
    rate: rateSlider(change("learning_rate")),
    optimizer: choiceRadios("optimizer", `optimizer-${++trainings}`, OPTIMIZER_NAMES, change("optimizer")),
    init: namedSelect("start at", change("init")),
    steps: namedSelect("steps", change("steps")),
    target: targetChooser(change("target")),
    buttons: runButtons(acts),
    readout: trainingReadouts(),
    table: stepTable(),
    status: statusRegion(),
  };
  const { head, rank, rate, optimizer, init, steps, target, buttons, readout, table, status } = parts;
  const elements = (...some) => some.map((part) => part.element);
  const history = keepHistory({ model, data }, kindsOfTraining(data), {
    apply: (values) => changeSetting(data, values),
    title: () => `${data.target}, ${runLabel(data)}`,
    say,
  });
  const save = saveMenu(model.loss, LOSS_HEADING, () => lossPicture(data), {
    tables: trainingTables(data),
    say,
  });
  const bar = h(
    "div",
    { class: "bar" },
    ...elements(target, rank, rate, optimizer, init, steps, buttons),
    history,
  );
  const figures = h("div", { class: "figures" }, lossCard(model.get_child("loss"), save), table.element);
  const side = h("div", { class: "side" }, readout.element);
  const element = h("div", { class: "explorer training" }, head.element, bar, figures, side, status.element);
  return { ...parts, element };
}

/** Bring the HTML to the state; return what there is to say. */
function showTraining(parts, state, playing) {
  const run = runOf(state);
  const shown = run && shownAt(run, state.playhead);
  const { shape, floors } = state.targets[state.target];
  const end = floors.length - 1;
  parts.head.show(state);
  parts.rank.show({ d: shape[0], k: shape[1], rank: Math.min(state.rank, end), end });
  parts.rate.show(state);
  parts.optimizer.show(state.optimizer);
  parts.init.show(START_NAMES, state.init);
  parts.steps.show(
    state.lengths.map((length) => [length, formatExact(length)]),
    state.steps,
  );
  parts.target.show(state.targets, state.target);
  parts.buttons.show(run, playing);
  parts.readout.show(state, run, shown);
  parts.table.show(state, run);
  return trainingSummary(state, run, shown);
}

/** The line of a run as far as it was shown, to be kept beside the next one. */
function lineOf(state, run) {
  const { index } = shownAt(run, state.playhead);
  const upTo = (column) => column.slice(0, index + 1);
  return {
    target: state.target,
    rank: state.rank,
    x: upTo(run.kept),
    y: upTo(run.loss),
    label: runLabel(state),
  };
}

export function render({ model, data, el, view }) {
  heedSync(view.model.document);
  let last = null; // the line of the run shown, until another one takes its place
  let waiting = false; // for the step that a person asked for
  const limits = () => {
    const run = runOf(data);
    return { known: run?.known ?? 0, end: run ? lastStep(run, data.steps) : data.steps };
  };
  const player = new Player(limits, (playhead) => {
    data.setv({ playhead }, QUIETLY);
    update();
  });
  const compute = () => {
    if (data.hosted && isUnfinished(data)) model.starts += 1;
  };
  const step = () => {
    const next = Math.min(nextStep(runOf(data), player.at), limits().end);
    waiting = next <= player.at && player.at < limits().end;
    player.to(Math.max(next, player.at));
  };
  const acts = {
    onPlay: () => {
      if (!player.playing) compute();
      else if (data.run.running) model.pauses += 1;
      if (player.playing) player.pause();
      else player.play();
      update();
    },
    onStep: () => {
      player.pause();
      compute();
      step();
    },
    onReset: () => {
      player.pause();
      data.setv({ earlier: [] }, QUIETLY);
      player.to(0);
    },
  };
  const parts = buildTraining(model, data, acts);
  const update = () => {
    const run = runOf(data);
    parts.status.show(showTraining(parts, data, player.playing));
    last = run && data.playhead > 0 ? lineOf(data, run) : null;
  };
  const restart = () => {
    const lines = [...data.earlier, ...(last ? [last] : [])].filter(
      (line) => line.target === data.target && line.rank === data.rank,
    );
    data.setv({ earlier: lines.slice(-EARLIER) }, QUIETLY);
    waiting = false;
    player.pause();
    player.to(0);
  };
  parts.status.say(showTraining(parts, data, false));
  model.on(SETTINGS, restart);
  model.on(["steps", "run", "targets", "notice"], () => (waiting ? step() : update()));
  keepPainted(model, data, el, [model.loss]);
  return parts.element;
}
