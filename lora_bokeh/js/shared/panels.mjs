import { caution, normOf, progressText, readout } from "../explorer/words.mjs";
import { h, renew, setText } from "./dom.mjs";

const math = (text, sub) => [text, ...(sub ? [h("sub", {}, sub)] : [])];

/** One row of a list of readouts. */
export function readoutRow({ label, math: symbol, sub, bound, value, exact, lead, rule }) {
  const name = h("dt", {}, label, ...(symbol ? [" ", ...math(symbol, sub)] : []));
  const kind = [lead && "lead", rule && "rule"].filter(Boolean).join(" ");
  return h(
    "div",
    kind ? { class: kind } : {},
    name,
    h("dd", { title: exact }, ...(bound ? [h("small", {}, bound), " "] : []), value),
  );
}

/** The readouts: what the rank buys, in figures; exact values on hover. */
export function readoutPanel() {
  const list = h("dl");
  const note = h("p", { class: "note" });
  const element = h("section", { class: "card readout", "aria-label": "readouts" }, list, note);
  const show = (now, options) => {
    renew(list, ...readout(now, options).map(readoutRow));
    const warning = options.showCounts ? caution(now) : null;
    setText(note, warning ?? "");
    note.hidden = warning === null;
  };
  return { element, show };
}

/** The heading: the question, what is looked at, and its one-line story. */
export function headPanel() {
  const title = h("h1");
  const what = h("p", { class: "what" });
  const story = h("p", { class: "story" });
  const notice = h("p", { class: "notice" });
  const element = h("header", { class: "head" }, title, what, story, notice);
  const show = (now, state) => {
    setText(title, state.heading.replace("{rank}", now.rank));
    const { curve, d, k } = now;
    const name = curve ? [h("b", {}, curve.name)] : [];
    const facts = curve
      ? ["", `${d} × ${k}`, curve.dtype, `scale ${curve.scale}`]
      : [`d = ${d}`, `k = ${k}`, `rank ${now.rank}`];
    renew(what, ...name, facts.join(" · "));
    setText(story, curve?.story ?? "");
    story.hidden = !curve?.story;
    setText(notice, state.notice);
    notice.hidden = !state.notice;
  };
  return { element, show };
}

/** How far a large matrix has come, and what can be done about it. */
export function progressPanel(onCancel, onExtend) {
  const bar = h("progress", { "aria-label": "singular values computed" });
  const text = h("span");
  const cancel = h("button", { type: "button", onclick: onCancel }, "Cancel");
  const extend = h("button", { type: "button", onclick: onExtend }, "More ranks");
  const element = h("div", { class: "progress" }, bar, text, cancel, extend);
  const show = ({ progress, target, hosted }) => {
    const { name, running, known, wanted, all, exact } = progress;
    element.hidden = name !== target || known === undefined || (exact && !running);
    bar.max = wanted ?? 1;
    bar.value = known ?? 0;
    bar.hidden = !running;
    setText(text, element.hidden ? "" : progressText(progress));
    cancel.hidden = !running || !hosted;
    extend.hidden = running || !hosted || known >= all;
  };
  return { element, show };
}

/** A card around a figure, with its menu if it has one. The curve's y axis is named above it, in
 * type with a true subscript. */
export function figureCard(kind, title, figure, save = null) {
  const plot = h("div", { class: "plot" }, figure);
  const norm = h("p", { class: "norm" });
  const parts = kind === "curve" ? [norm, plot] : [plot];
  const heading = h("h2", {}, title);
  const element = h(
    "section",
    { class: `card ${kind}`, "aria-label": title },
    h("div", { class: "title" }, heading, save),
    ...parts,
  );
  const show = ({ metric }, symbol) => renew(norm, ...math(...normOf(metric, symbol)));
  const rename = (text) => {
    setText(heading, text);
    element.setAttribute("aria-label", text);
  };
  return { element, show, rename };
}
