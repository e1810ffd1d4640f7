import { h, setText } from "./dom.mjs";

const SETTLED = 250; // ms without a change before it speaks

/** The polite live region of a view: it speaks once per settled change, and at once of what was done. */
export function statusRegion() {
  const element = h("div", { class: "status", role: "status", "aria-live": "polite" });
  let timer = null;
  const say = (text) => {
    clearTimeout(timer); // what was done last is what one waits to hear
    setText(element, text);
  };
  const show = (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => say(text), SETTLED);
  };
  return { element, say, show };
}
