import { MOST_CELLS } from "../shared/cells.mjs";
import { choiceRadios } from "../shared/choices.mjs";
import { rankSlider } from "../shared/controls.mjs";
import { h, setText } from "../shared/dom.mjs";
import { keepHistory } from "../shared/keeping.mjs";
import { clamp } from "../shared/lora.mjs";
import { keepPainted } from "../shared/page.mjs";
import { readoutRow } from "../shared/panels.mjs";
import { heedSync } from "../shared/privates.mjs";
import { saveMenu } from "../shared/save.mjs";
import { statusRegion } from "../shared/status.mjs";
import { ownRecord } from "./factors.mjs";
import { kindsOfMerge, linkLacks } from "./link.mjs";
import { factorsPanel, forwardPanel } from "./panels.mjs";
import { runInSlices, runThrough } from "./slices.mjs";
import { inputOf, mergeFacts, mergeSituation } from "./state.mjs";
import {
  BARS,
  MAPS,
  mergePicture,
  mergeSummary,
  mergeTitle,
  pooledText,
  story,
  subject,
  untouched,
  updateReadout,
} from "./words.mjs";

const AT_ONCE = 1 << 14; // entries of W up to which the readouts follow every event
const MOST_IN_A_ROW = 8; // columns up to which matrices with numbers stand side by side
const OUTLINED = 32; // bars up to which those of the merged weights are outlines, as in merge_figures.py
const RESTS = 120; // ms without a change before those of a larger W are computed
const QUIETLY = { sync: false };

let instances = 0;

/** Replace the record of the adapter in use: one message to Python. */
function setRecord(data, record) {
  data.adapters = data.adapters.map((other, i) => (i === data.adapter - 1 ? record : other));
}

/** Begin the adapter in use anew; what is drawn anew gets a seed that no adapter has had. */
function begin(data, start, seed) {
  const { record, scale } = mergeSituation(data);
  const next =
    seed ?? (start === "random" ? Math.max(...data.adapters.map((other) => other.seed)) + 1 : record.seed);
  setRecord(data, { start, seed: next >>> 0, scale, B: null, A: null });
}

/** Take an entry that was typed; the factors are then one's own. */
function typeEntry(data, name, i, value) {
  const { d, k, end, rank, record, best } = mergeSituation(data);
  const next = ownRecord(record, d, k, end, best);
  next[name][name === "B" ? Math.floor(i / rank) * end + (i % rank) : i] = value;
  setRecord(data, next);
}

function typeInput(data, i, value) {
  const x = Array.from(inputOf(data.input, data.shape[1]));
  x[i] = value;
  data.input = { ...data.input, x };
}

/** The field of α, and the button by which it follows the rank again. */
function alphaField(onAlpha) {
  const field = h("input", {
    type: "number",
    min: 0,
    step: 1,
    oninput: () => field.valueAsNumber > 0 && onAlpha(field.valueAsNumber),
  });
  const follow = h(
    "button",
    { type: "button", "aria-label": "α follows the rank as 2r", onclick: () => onAlpha(null) },
    "= 2r",
  );
  const element = h("div", { class: "alpha" }, h("label", {}, "α", field), follow);
  const show = ({ alpha, follows }) => {
    if (field.valueAsNumber !== alpha) field.value = alpha;
    follow.setAttribute("aria-pressed", String(follows));
  };
  return { element, show };
}

function headOf() {
  const what = h("p", { class: "what" });
  const line = h("p", { class: "story" });
  const notice = h("p", { class: "notice" });
  const element = h("header", { class: "head" }, h("h1", {}, "W′ = W + s·B·A"), what, line, notice);
  const show = (now) => setText(what, subject(now));
  const tell = (now, facts, text) => {
    setText(line, story(now, facts));
    setText(notice, text);
    notice.hidden = !text;
  };
  return { element, show, tell };
}

/** A figure under its title, with the menu that saves it. */
function captioned(title, plot, menu, note) {
  const caption = h("div", { class: "title" }, h("h3", {}, title, note ? h("span", {}, note) : null), menu);
  return h("div", {}, caption, h("div", { class: "plot" }, plot));
}

function mapsCard(model, menuOf) {
  const [W, update, merged, scale] = model.get_child("maps");
  const titled = (i, plot, title) => captioned(title, plot, menuOf(model.maps[i], MAPS[i]));
  const maps = h(
    "div",
    { class: "maps" },
    titled(0, W, "W, frozen"),
    titled(1, update, "+ s·B·A, the update"),
    titled(2, merged, "= W′, merged"),
  );
  const [d, k] = model.shape;
  maps.style.setProperty("--widest", `${k <= MOST_IN_A_ROW ? 29 * k + 70 : k <= MOST_CELLS ? 560 : 290}px`);
  const note = h("p", { class: "note" }, pooledText(d, k));
  note.hidden = !note.textContent;
  return h(
    "section",
    { class: "card heat", "aria-label": "weights" },
    h("h2", {}, "The weights, the update, and both merged"),
    maps,
    h("div", { class: "plot" }, scale),
    note,
  );
}

/** The bars of x, Wx, s·B(Ax) and h, each under its title. */
function barsOf(model, menuOf) {
  const plots = model.get_child("bars");
  const note = model.shape[0] <= OUTLINED ? " merged outlined" : " merged bolder";
  return BARS.map((title, i) =>
    captioned(title, plots[i], menuOf(model.bars[i], title), title === "h" ? note : ""),
  );
}

/** How many entries are the same. */
function countSame(p, q) {
  let same = 0;
  for (let i = 0; i < p.length; i++) if (p[i] === q[i]) same++;
  return same;
}

function readoutCard(whole) {
  const list = h("dl");
  const note = h("p", { class: "note" });
  const element = h("section", { class: "card readout", "aria-label": "readouts" }, list, note);
  const show = (now, facts, W) => {
    list.replaceChildren(...updateReadout(now, facts).map(readoutRow));
    setText(note, untouched(countSame(W, whole), whole.length));
  };
  return { element, show };
}

/** Take a state from a link or the history, with the rank cut to what there is. */
function bring(data, values) {
  data.setv({ ...values, rank: clamp(values.rank ?? data.rank, 1, data.end) });
}

function build(model, data) {
  const group = `merge-${++instances}`;
  const status = statusRegion();
  const menuOf = (figure, title) =>
    saveMenu(figure, title, () => mergePicture(mergeSituation(data), title), { say: status.say });
  const parts = {
    head: headOf(),
    rank: rankSlider((rank) => {
      data.rank = rank;
    }),
    alpha: alphaField((alpha) => {
      data.alpha = alpha;
    }),
    rule: choiceRadios(
      "scale",
      `${group}-rule`,
      [
        [false, "α/r"],
        [true, "α/√r (rsLoRA)"],
      ],
      (value) => {
        data.use_rslora = value;
      },
    ),
    adapter: choiceRadios(
      "adapter",
      `${group}-adapter`,
      [
        [1, "adapter 1"],
        [2, "adapter 2"],
      ],
      (value) => {
        data.adapter = value;
      },
    ),
    maps: { element: mapsCard(model, menuOf) },
    factors: factorsPanel({
      onStart: (start, seed) => begin(data, start, seed),
      onEntry: (name, i, value) => typeEntry(data, name, i, value),
    }),
    readout: readoutCard(new Float64Array(model.frozen)),
    forward: forwardPanel(barsOf(model, menuOf), {
      onEntry: (i, value) => typeInput(data, i, value),
      onDraw: () => {
        data.input = { seed: (data.input.seed + 1) >>> 0, x: null };
      },
    }),
    status,
  };
  const { head, rank, alpha, rule, adapter, maps, factors, readout, forward } = parts;
  const now = () => mergeSituation(data);
  const told = { title: () => mergeTitle(now()), say: status.say, lacks: () => linkLacks(data, now()) };
  const history = keepHistory({ model, data }, kindsOfMerge(data), {
    apply: (values) => bring(data, values),
    ...told,
  });
  const bar = h(
    "div",
    { class: "bar" },
    ...[rank, alpha, rule, adapter].map((part) => part.element),
    history,
  );
  const [d, k] = data.shape;
  const kinds = [
    "explorer",
    "merge",
    ...(Math.max(d, k) > MOST_IN_A_ROW ? ["wide"] : []),
    ...(k > MOST_IN_A_ROW ? ["long"] : []),
  ];
  const element = h(
    "div",
    { class: kinds.join(" ") },
    head.element,
    bar,
    ...[maps, factors, readout, forward, status].map((part) => part.element),
  );
  return { ...parts, element };
}

/** What costs nothing to show. */
function showState(parts, data) {
  const now = mergeSituation(data);
  for (const part of [parts.head, parts.rank, parts.alpha, parts.factors]) part.show(now);
  parts.rule.show(now.rslora);
  parts.adapter.show(now.adapter);
  return now;
}

/** What has been computed: readouts, sentences, and h of the merged weights. */
function showFacts(parts, data, now, facts) {
  data.setv({ merged: { h: facts.merged } }, QUIETLY);
  parts.element.ariaBusy = "false";
  parts.head.tell(now, facts, data.notice);
  parts.readout.show(now, facts, now.W);
  parts.forward.show(now, data.input.seed, facts);
  return mergeSummary(now, facts);
}

export function render({ model, data, el, view }) {
  heedSync(view.model.document);
  const parts = build(model, data);
  const tell = (now) => (facts) => parts.status.show(showFacts(parts, data, now, facts));
  let giveUp = () => {};
  const begun = showState(parts, data);
  parts.status.say(showFacts(parts, data, begun, runThrough(mergeFacts(begun))));
  const update = () => {
    const now = showState(parts, data);
    giveUp();
    if (now.W.length <= AT_ONCE) return tell(now)(runThrough(mergeFacts(now)));
    parts.element.ariaBusy = "true";
    if (data.merged.h) data.setv({ merged: {} }, QUIETLY);
    giveUp = runInSlices(mergeFacts(now), RESTS, tell(now));
  };
  model.on("remove", () => giveUp());
  model.on(["rank", "alpha", "use_rslora", "adapter", "adapters", "input", "notice"], update);
  keepPainted(model, data, el, [...data.maps, ...data.bars]);
  return parts.element;
}
