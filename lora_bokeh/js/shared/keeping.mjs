import { addressOf, prefixOf } from "./address.mjs";
import { bookmarkMenu } from "./bookmarks.mjs";
import { h, setText } from "./dom.mjs";
import { recordStep, redoStep, startHistory, undoStep } from "./history.mjs";
import { linkNotice, sameTexts, textsOf, valuesOf } from "./link.mjs";

const SETTLED_STEP = 400; // ms without a change, and no pointer down: a drag is one step
const TEXT_FIELDS = "input:is([type=text], [type=search], [type=number]), textarea, [contenteditable]";

/** Buttons for undo and redo over the states that `now` tells and `bring` brings back. */
function undoRedo(now, bring) {
  let steps = startHistory(now());
  const button = (label, keys, title, onclick) =>
    h("button", { type: "button", "aria-keyshortcuts": keys, title, onclick }, label);
  const move = (to) => {
    const here = recordStep(steps, now(), sameTexts);
    steps = to(here);
    if (steps !== here) bring(steps.present);
    show();
  };
  const [undo, redo] = [() => move(undoStep), () => move(redoStep)];
  const buttons = [
    button("Undo", "Control+Z", "Ctrl-Z", undo),
    button("Redo", "Control+Shift+Z", "Ctrl-Shift-Z", redo),
  ];
  const show = () => {
    for (const [i, left] of [steps.past, steps.future].entries())
      buttons[i].setAttribute("aria-disabled", String(!left.length));
  };
  const record = () => {
    const before = steps;
    steps = recordStep(steps, now(), sameTexts);
    show();
    return steps !== before;
  };
  const restart = () => {
    steps = startHistory(now());
    show();
  };
  show();
  return { undo, redo, buttons, record, restart };
}

/** Ctrl-Z or Cmd-Z where nothing is typed: within the view, or anywhere for the first of a page. */
function undoKeys(element, isFirst, { undo, redo }) {
  return (event) => {
    const from = event.composedPath();
    const key = event.key.toLowerCase();
    const mine = from.includes(element.parentNode) || (from[0] === document.body && isFirst());
    if (
      !(event.ctrlKey || event.metaKey) ||
      event.altKey ||
      !["z", "y"].includes(key) ||
      !mine ||
      from[0].matches(TEXT_FIELDS)
    )
      return;
    event.preventDefault();
    event.stopPropagation();
    (key === "y" || event.shiftKey ? redo : undo)();
  };
}

/** A button that copies a link, and a field to copy it from where the browser does not let us. */
function copyLink(link, lacks, say) {
  const field = h("input", {
    type: "text",
    readonly: true,
    hidden: true,
    "aria-label": "link to this state",
  });
  const tell = (text) => say([text, lacks()].filter(Boolean).join(" "));
  const offer = () => {
    field.hidden = false;
    field.value = link();
    field.select();
    tell("The link is in the field beside the button, to be copied from there.");
  };
  const copy = () =>
    (navigator.clipboard?.writeText(link()) ?? Promise.reject()).then(() => tell("Link copied."), offer);
  return [h("button", { type: "button", onclick: copy }, "Copy link"), field];
}

/** Call back when a property has settled: no change for a while, and no pointer held down. */
function onSettled(model, names, settled, listen) {
  let [timer, held] = [null, false];
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (held ? wait() : settled()), SETTLED_STEP);
  };
  listen(document, "pointerdown", () => {
    held = true;
  });
  for (const end of ["pointerup", "pointercancel"])
    listen(document, end, () => {
      held = false;
    });
  model.on(names, wait);
}

/** Undo, redo, a link and bookmarks for the state of a view; their toolbar, for its root element.
 *
 * kinds: {property: text → value, or undefined where the text means nothing}, see shared/link.mjs.
 * apply(values) sets properties, within their bounds; it may return a promise.
 * title() names the present state; say(text) speaks in the view's live region; lacks() is a sentence
 * on what the link does not carry.
 */
export function keepHistory(
  { model, data },
  kinds,
  { apply = (values) => data.setv(values), title, say = () => {}, lacks = () => "" },
) {
  const now = () => textsOf(data, kinds);
  const bring = (texts) => apply(valuesOf(texts, kinds).values);
  const address = addressOf(data);
  const steps = undoRedo(now, bring);
  const notice = h("p", { class: "notice", hidden: true });
  const tell = (text) => {
    setText(notice, text);
    notice.hidden = !text;
  };
  const follow = async (record) => {
    const asked = address.read();
    if (!Object.keys(asked).length) return;
    await bring(asked);
    record();
    tell(linkNotice(asked, valuesOf(asked, kinds).refused, now()));
  };
  const listen = (target, event, heard) => {
    target.addEventListener(event, heard);
    model.on("remove", () => target.removeEventListener(event, heard));
  };
  const bookmarks = bookmarkMenu({
    key: () => `lora_bokeh ${window.location.pathname} ${prefixOf(data)}`,
    isHere: (texts) => valuesOf(texts, kinds).refused.length === 0,
    state: now,
    title,
    onGo: bring,
    say,
  });
  const copy = data.addressed ? copyLink(() => address.link(now()), lacks, say) : [];
  const element = h(
    "div",
    { class: "keeping", role: "group", "aria-label": "history and link" },
    ...steps.buttons,
    ...copy,
    bookmarks,
    notice,
  );
  listen(
    document,
    "keydown",
    undoKeys(element, () => prefixOf(data) === "", steps),
  );
  listen(window, "hashchange", () => follow(steps.record));
  onSettled(
    model,
    Object.keys(kinds),
    () => {
      if (steps.record()) tell("");
      address.write(now());
    },
    listen,
  );
  model.on("remove", () => address.write({}));
  follow(steps.restart).then(() => address.resume(now()));
  return element;
}
