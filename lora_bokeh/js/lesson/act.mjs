import { h, setText } from "../shared/dom.mjs";
import { questionForm } from "./question.mjs";

// One act of the lesson: predict, try, reveal.

const LOCKED = "Check a prediction first; then you can try it out here.";

const paragraphs = (texts) => texts.map((text) => h("p", {}, text));

/** A list of citations: links, nothing of them is loaded. */
export function sourceList(keys, sources) {
  const item = ({ text, url }) =>
    h("li", {}, h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text));
  return h("ul", { class: "sources", "aria-label": "sources" }, ...keys.map((key) => item(sources[key])));
}

/** The hints asked for so far, and the button for the next one. */
function hintsPanel(onHint) {
  const list = h("ol", { class: "hints", "aria-label": "hints" });
  const button = h("button", { type: "button", onclick: onHint });
  const show = ({ hints }, count) => {
    list.replaceChildren(...hints.slice(0, count).map((hint) => h("li", {}, hint)));
    list.hidden = count === 0;
    const left = Math.max(hints.length - count, 0);
    setText(button, ["No more hints", "Another hint", "Hint"][left] ?? "Hint");
    button.setAttribute("aria-disabled", String(left === 0)); // it keeps the focus, unlike a disabled one
  };
  return { list, button, show };
}

/** Predict: the question, what is said to an answer, and the hints. */
function predictPanel({ onCheck, onHint, stateOf }, stage, onward) {
  const hints = hintsPanel(onHint);
  const jump = h("button", { type: "button", onclick: onward }, "Go to the reveal");
  const prose = h("div", { class: "prose" });
  const place = h("div");
  const verdict = h("p", { class: "verdict" });
  const check = h("button", { type: "submit", class: "first" }, "Check");
  const submit = (event) => {
    event.preventDefault();
    onCheck(question.read());
  };
  const form = h(
    "form",
    { novalidate: true, onsubmit: submit },
    place,
    h("div", { class: "buttons" }, check, hints.button, jump),
  );
  const element = h(
    "section",
    { class: "card predict", "aria-label": "predict" },
    h("h3", {}, "Predict"),
    prose,
    stage.element,
    form,
    verdict,
    hints.list,
  );
  let question = null;
  const open = (act, given) => {
    question = questionForm(act.question, stateOf);
    question.write(given);
    prose.replaceChildren(...paragraphs(act.prose));
    place.replaceChildren(question.element);
  };
  const show = (act, { hints: count }, { text, right, given }, done) => {
    hints.show(act, count);
    jump.hidden = !done;
    setText(verdict, text);
    verdict.hidden = !text;
    verdict.className = `verdict ${right ? "right" : given ? "wrong" : "missing"}`;
    stage.show(act.figure?.at === "predict" ? act.figure.name : null);
  };
  return { element, open, show };
}

/** Try: what to do with the live view under it. */
function tryPanel(stage) {
  const title = h("h3", {}, "Try");
  const text = h("p");
  const element = h(
    "section",
    { class: "try", "aria-label": "try" },
    h("div", { class: "card" }, title, text),
    stage.element,
  );
  const show = (act, open) => {
    setText(text, open ? act.try.text : LOCKED);
    stage.show(open ? act.try.view : null, true);
  };
  return { element, show };
}

/** Reveal: what is behind it, and where that is from. */
function revealPanel(onReveal, sources, stage) {
  const title = h("h3", { tabindex: "-1" }, "Reveal");
  const prose = h("div", { class: "prose" });
  const button = h(
    "button",
    {
      type: "button",
      onclick: () => {
        onReveal();
        title.focus();
      },
    },
    "Show the answer",
  );
  const element = h(
    "section",
    { class: "card reveal", "aria-label": "reveal" },
    title,
    button,
    stage.element,
    prose,
  );
  const show = (act, { tried, open }) => {
    button.hidden = open;
    button.disabled = !tried;
    prose.hidden = !open;
    prose.replaceChildren(...(open ? [...paragraphs(act.reveal), sourceList(act.sources, sources)] : []));
    stage.show(open && act.figure?.at === "reveal" ? act.figure.name : null);
  };
  return { element, show, focus: () => title.focus() };
}

/** The three parts of the open act. `stages` are where its figures and its live view appear. */
export function actPanel(on, sources, stages) {
  const chapter = h("p", { class: "chapter" });
  const title = h("h2", { tabindex: "-1" });
  const predict = predictPanel(on, stages.predict, () => reveal.focus());
  const attempt = tryPanel(stages.live);
  const reveal = revealPanel(on.onReveal, sources, stages.reveal);
  const element = h(
    "article",
    { class: "act" },
    h("header", {}, chapter, title),
    predict.element,
    attempt.element,
    reveal.element,
  );
  let opened = null;
  /** Show an act with its entry of the progress; another act than before gets a form of its own. */
  const show = (act, number, entry, verdict) => {
    setText(chapter, act.chapter);
    setText(title, `${number}. ${act.title}`);
    if (opened !== act.id) predict.open(act, entry.given);
    opened = act.id;
    const tried = entry.tries > 0;
    const done = entry.right || entry.revealed;
    predict.show(act, entry, verdict, done);
    attempt.show(act, tried || entry.revealed || act.question.kind === "task");
    reveal.show(act, { tried, open: done });
  };
  const reopen = () => {
    opened = null;
  };
  return { element, show, reopen, focus: () => title.focus() };
}
