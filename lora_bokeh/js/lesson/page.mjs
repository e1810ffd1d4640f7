import { addressOf } from "../shared/address.mjs";
import { applyColours } from "../shared/colours.mjs";
import { h } from "../shared/dom.mjs";
import { keepPainted } from "../shared/page.mjs";
import { heedSync } from "../shared/privates.mjs";
import { statusRegion } from "../shared/status.mjs";
import { actPanel } from "./act.mjs";
import { guidePanel } from "./guide.mjs";
import { chooser, MODES, pager, pathPanel, placeIn, textsAt } from "./path.mjs";
import { afterAnswer, entryOf, recall, remember, withEntry } from "./progress.mjs";
import { stageOf } from "./stage.mjs";
import { isGiven, judge } from "./verdict.mjs";

const FIGURES = ["spectra", "needs", "accuracy"];
const SILENT = { text: "", right: false };

/** The state in which a live view answers a task: a number, or none where it shows another target. */
function stateOf(model) {
  return ({ view, property, fields, data }) => {
    const state = model[view].data;
    const [{ key }] = fields;
    return data.target && state.target !== data.target ? null : { [key]: state[property] };
  };
}

/** What is said of an answer. */
function verdictOf(question, given) {
  if (given === null && question.kind === "task")
    return { text: question.wrong_view, right: false, given: false };
  if (!isGiven(question, given)) return { text: "Give an answer first.", right: false, given: false };
  return { ...judge(question, given), given: true };
}

/** What a learner does, as changes of the page's state; each is told to Python and kept. */
function actions(model, data, { judged, speak, reopen, arrive }) {
  const act = () => model.acts[data.act - 1];
  const keep = (progress) => {
    data.setv({ progress });
    remember(model.key, progress);
  };
  return {
    go: (changes) => {
      const here = Object.entries(changes).every(([name, value]) => data[name] === value);
      if (here)
        reopen(); // which brings the view back to where the act wants it
      else data.setv(changes);
      if (changes.act) arrive();
    },
    forget: () => {
      keep({});
      reopen();
    },
    stateOf: stateOf(model),
    onCheck: (given) => {
      const { id, question } = act();
      const verdict = verdictOf(question, given);
      judged(verdict);
      if (verdict.given) keep(afterAnswer(data.progress, id, given, verdict.right));
    },
    onHint: () => {
      const { id, hints } = act();
      const count = entryOf(data.progress, id).hints;
      if (count >= hints.length) return;
      speak(hints[count]);
      keep(withEntry(data.progress, id, { hints: count + 1 }));
    },
    onReveal: () => {
      speak(act().reveal.join(" "));
      keep(withEntry(data.progress, act().id, { revealed: true }));
    },
  };
}

function build(model, view, on) {
  const stages = { predict: stageOf(model, view), live: stageOf(model, view), reveal: stageOf(model, view) };
  const parts = {
    modes: chooser("parts of the lesson", MODES, (mode) => on.go({ mode })),
    path: pathPanel(model.acts, (act) => on.go({ mode: "lesson", act }), on.forget),
    views: chooser("views", model.views, (free) => on.go({ free })),
    act: actPanel(on, model.sources, stages),
    pager: pager(model.acts.length, (act) => on.go({ act })),
    guide: { element: guidePanel(model.guide, model.acts, model.sources) },
    status: statusRegion(),
  };
  const { modes, path, views, act, pager: pages, guide, status } = parts;
  const head = h("header", { class: "head" }, h("h1", {}, model.heading), modes.element);
  const main = h("div", { class: "main" }, views.element, act.element, pages.element, guide.element);
  const element = h("div", { class: "explorer lesson" }, head, path.element, main, status.element);
  return { ...parts, element, stages };
}

/** Bring the live view of an act to where the act wants it, each time the act is opened. */
function prepare(model, { try: attempt }) {
  if (Object.keys(attempt.state).length) model[attempt.view]?.data.setv(attempt.state);
}

/** The lesson: one act open, or all views free, or the instructor's page. */
function show(parts, model, verdict) {
  const { mode, act: number, progress, free, acts } = model;
  const act = acts[number - 1];
  const entry = entryOf(progress, act.id);
  parts.element.dataset.mode = mode;
  parts.modes.show(mode);
  parts.path.show(progress, number);
  parts.act.show(act, number, entry, verdict);
  parts.pager.show(number, entry.right || entry.revealed);
  parts.views.show(free);
  if (mode === "explore") parts.stages.live.show(free);
  parts.path.element.hidden = parts.pager.element.hidden = mode !== "lesson";
  parts.act.element.hidden = mode === "teach";
  parts.views.element.hidden = mode !== "explore";
  parts.guide.element.hidden = mode !== "teach";
}

export function render({ model, data, el, view }) {
  heedSync(view.model.document);
  let verdict = SILENT;
  const speak = (text) => parts.status.say(text);
  const judged = (said) => {
    verdict = said;
    speak(`${said.right ? "Right. " : said.given ? "Not yet. " : ""}${said.text}`);
    update();
  };
  const parts = build(
    model,
    view,
    actions(model, data, { judged, speak, reopen: () => open(), arrive: () => parts.act.focus() }),
  );
  const update = () => show(parts, model, verdict);
  const address = addressOf(data);
  const open = () => {
    verdict = SILENT;
    parts.act.reopen();
    if (data.mode === "lesson") prepare(model, model.acts[data.act - 1]);
    update();
    address.write(textsAt(model));
  };
  const follow = () => data.setv(placeIn(address.read(), model));
  window.addEventListener("hashchange", follow);
  model.on("remove", () => window.removeEventListener("hashchange", follow));
  data.setv({
    progress: {
      ...recall(
        model.key,
        model.acts.map((act) => act.id),
      ),
      ...data.progress,
    },
  });
  follow();
  model.on("after_render", open);
  model.on("progress", update);
  model.on(["act", "mode", "free"], open);
  model.on("paint", () => {
    for (const name of FIGURES) if (model[name]) applyColours(model[name], data.paint.colours);
  });
  keepPainted(
    model,
    data,
    el,
    FIGURES.map((name) => model[name]),
  );
  return parts.element;
}
