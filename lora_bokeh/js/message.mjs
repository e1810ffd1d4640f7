import { h, setText } from "./dom.mjs";

/** What became of the last file: seen, and said by a polite live region. */
export function render({ model }) {
  const element = h("p", { role: "status" });
  const show = () => setText(element, model.text);
  model.on("text", show);
  show();
  return element;
}
