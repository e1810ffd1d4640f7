import { h, setText } from "../shared/dom.mjs";
import { followScheme } from "../shared/scheme.mjs";

/** What became of the last file: seen, and said by a polite live region. */
export function render({ model, el }) {
  const element = h("p", { role: "status" });
  const show = () => setText(element, model.text);
  model.on("text", show);
  show();
  // The colours are the panel's that it stands in, with the place to drop a file on.
  const panel = el.getRootNode().host.getRootNode().host;
  if (panel) {
    const { look, end } = followScheme(
      panel,
      () => "",
      () => {},
    );
    model.on("after_render", look);
    model.on("remove", end);
  }
  return element;
}
