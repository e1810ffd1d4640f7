import { h, setText } from "../shared/dom.mjs";
import { entryOf, standing, tally } from "./progress.mjs";

// The way through the lesson: its parts, the list of acts, and the address of each.

export const MODES = { lesson: "Lesson", explore: "Explore", teach: "For instructors" };
const MARKS = { open: "", tried: "not solved yet", solved: "solved", shown: "answer shown" };

/** What the texts of an address ask for: an act, or another part of the lesson; else nothing. */
export function placeIn({ act, mode, view }, { acts, views }) {
  const number = Number(act);
  if (Number.isInteger(number) && number >= 1 && number <= acts.length)
    return { mode: "lesson", act: number };
  if (!Object.hasOwn(MODES, mode ?? "")) return {};
  return Object.hasOwn(views, view ?? "") ? { mode, free: view } : { mode };
}

/** The texts that an address carries: "#act=4", "#mode=explore&view=merge", "#mode=teach". */
export function textsAt({ mode, act, free }) {
  if (mode === "lesson") return { act: String(act) };
  return mode === "explore" ? { mode, view: free } : { mode };
}

/** Buttons that choose one of several things; the chosen one is marked as the current one. */
export function chooser(label, names, onChoose) {
  const buttons = Object.entries(names).map(([key, text]) => ({
    key,
    button: h("button", { type: "button", onclick: () => onChoose(key) }, text),
  }));
  const element = h("nav", { class: "chooser", "aria-label": label }, ...buttons.map(({ button }) => button));
  const show = (chosen) => {
    for (const { key, button } of buttons) button.setAttribute("aria-current", String(key === chosen));
  };
  return { element, show };
}

function actButton(act, number, onAct) {
  const mark = h("span", { class: "number", "aria-hidden": "true" }, String(number));
  return h(
    "button",
    { type: "button", onclick: () => onAct(number) },
    mark,
    h("span", { class: "title" }, act.title),
  );
}

function chapterItem(title, buttons) {
  return h(
    "li",
    {},
    h("span", { class: "chapter" }, title),
    h("ol", {}, ...buttons.map((button) => h("li", {}, button))),
  );
}

/** The list of acts by chapter, with what has become of each, and the way to forget it all. */
export function pathPanel(acts, onAct, onForget) {
  const buttons = acts.map((act, i) => actButton(act, i + 1, onAct));
  const chapters = [...new Set(acts.map((act) => act.chapter))];
  const list = h(
    "ol",
    { class: "chapters" },
    ...chapters.map((title) =>
      chapterItem(
        title,
        buttons.filter((_, i) => acts[i].chapter === title),
      ),
    ),
  );
  const count = h("p", { class: "count" });
  const bar = h("progress", { max: acts.length, "aria-label": "acts done" });
  const forget = h(
    "button",
    {
      type: "button",
      class: "forget",
      onclick: () => {
        if (window.confirm("Forget all answers of this lesson?")) onForget();
      },
    },
    "Start over",
  );
  const element = h(
    "nav",
    { class: "card path", "aria-label": "acts" },
    h("div", { class: "tally" }, count, bar),
    list,
    forget,
  );
  const show = (progress, chosen) => {
    const { solved, done } = tally(
      progress,
      acts.map((act) => act.id),
    );
    setText(count, `${solved} of ${acts.length} solved`);
    bar.value = done;
    forget.hidden = Object.keys(progress).length === 0;
    acts.forEach((act, i) => {
      const state = standing(entryOf(progress, act.id));
      const name = [`Act ${i + 1}: ${act.title}`, MARKS[state]].filter(Boolean).join(", ");
      buttons[i].setAttribute("aria-label", name);
      buttons[i].setAttribute("aria-current", i + 1 === chosen ? "step" : "false");
      buttons[i].dataset.standing = state;
    });
  };
  return { element, show };
}

/** To the act before and to the next one. */
export function pager(count, onAct) {
  let now = 1;
  const back = h("button", { type: "button", onclick: () => onAct(now - 1) }, "Previous act");
  const on = h("button", { type: "button", onclick: () => onAct(now + 1) }, "Next act");
  const element = h("div", { class: "pager" }, back, on);
  const show = (number, done) => {
    now = number;
    back.disabled = number === 1;
    on.disabled = number === count;
    on.classList.toggle("first", done && number < count);
  };
  return { element, show };
}
