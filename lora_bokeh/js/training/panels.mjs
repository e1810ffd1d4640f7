import { h, setText } from "../shared/dom.mjs";
import { figureCard, readoutRow } from "../shared/panels.mjs";
import { stepRows } from "./state.mjs";
import { LOSS_HEADING, lessonOf, rateText, stepCells, trainingReadout } from "./words.mjs";

/** The heading: what is done, to what, and its story. */
export function trainingHead() {
  const what = h("p", { class: "what" });
  const line = h("p", { class: "story" });
  const notice = h("p", { class: "notice" });
  const element = h(
    "header",
    { class: "head" },
    h("h1", {}, "Train B and A against the floor"),
    what,
    line,
    notice,
  );
  const show = ({ targets, target, notice: refused }) => {
    const { name, shape, dtype, scale, story } = targets[target];
    what.replaceChildren(h("b", {}, name), ` · ${shape.join(" × ")} · ${dtype} · scale ${scale}`);
    setText(line, story);
    line.hidden = !story;
    setText(notice, refused);
    notice.hidden = !refused;
  };
  return { element, show };
}

/** The learning rate: a native range over its stops, which are half decades. */
export function rateSlider(onRate) {
  let stops = [];
  const value = h("span", { class: "value", "aria-hidden": "true" });
  const input = h("input", {
    type: "range",
    min: 0,
    step: 1,
    oninput: () => onRate(stops[Number(input.value)]),
  });
  const element = h("label", { class: "slider rate" }, h("span", {}, "learning rate"), input, value);
  const show = ({ rates, learning_rate }) => {
    stops = rates.includes(learning_rate) ? rates : [...rates, learning_rate].sort((a, b) => a - b);
    input.max = stops.length - 1;
    input.value = stops.indexOf(learning_rate);
    input.style.setProperty("--share", `${(100 * input.value) / Math.max(stops.length - 1, 1)}%`);
    input.setAttribute("aria-valuetext", rateText(learning_rate));
    setText(value, rateText(learning_rate));
  };
  return { element, show };
}

/** A native select with a name; options [value, text]. */
export function namedSelect(name, onChoose) {
  let values = [];
  const select = h("select", { onchange: () => onChoose(values[select.selectedIndex]) });
  const element = h("label", { class: "target" }, h("span", {}, name), select);
  const show = (options, chosen) => {
    if (options.join("\n") !== [...select.options].map((option) => [option.value, option.text]).join("\n")) {
      select.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
    }
    values = options.map(([value]) => value);
    select.selectedIndex = values.indexOf(chosen);
  };
  return { element, show };
}

/** Start or pause, one step, and back to the start; how far the computation is, if it lags. */
export function runButtons({ onPlay, onStep, onReset }) {
  const play = h("button", { type: "button", class: "play", onclick: onPlay }, "Start");
  const step = h("button", { type: "button", onclick: onStep }, "Step");
  const reset = h("button", { type: "button", onclick: onReset }, "Reset");
  const lag = h("span", { class: "lag" });
  const element = h("div", { class: "run", role: "group", "aria-label": "run" }, play, step, reset, lag);
  const show = (run, playing) => {
    setText(play, playing ? "Pause" : "Start");
    for (const button of [play, step]) button.disabled = !run;
    setText(lag, run?.running ? `computing: step ${run.known}` : "");
  };
  return { element, show };
}

/** The readouts, and what there is to understand. */
export function trainingReadouts() {
  const list = h("dl");
  const note = h("p", { class: "note" });
  const element = h("section", { class: "card readout", "aria-label": "readouts" }, list, note);
  const show = (state, run, shown) => {
    list.replaceChildren(...trainingReadout(state, run, shown).map(readoutRow));
    setText(note, lessonOf(state, run, shown));
  };
  return { element, show };
}

/** The card of the figure; its y axis is named above it. */
export function lossCard(figure, save) {
  const { element } = figureCard("loss", LOSS_HEADING, figure, save);
  const norm = h("p", { class: "norm" }, "‖W − s·BA‖²", h("sub", {}, "F"), " / mn, logarithmic");
  element.querySelector(".plot").before(norm);
  return element;
}

/** The table of steps; each tenth has its row from the beginning. */
export function stepTable() {
  const body = h("tbody");
  const heads = ["step", "loss", "improvement", "above the floor"].map((title) =>
    h("th", { scope: "col" }, title),
  );
  const table = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body);
  const element = h(
    "section",
    { class: "card steps", "aria-label": "steps" },
    h("h2", {}, "Step by step"),
    table,
  );
  let shown = "";
  const show = (state, run) => {
    const rows = stepRows(run, state.steps, state.playhead).map(stepCells);
    const text = rows.join("|");
    if (shown === text) return;
    shown = text;
    body.replaceChildren(
      ...rows.map(([step, ...cells]) =>
        h("tr", {}, h("th", { scope: "row" }, step), ...cells.map((cell) => h("td", {}, cell))),
      ),
    );
  };
  return { element, show };
}
