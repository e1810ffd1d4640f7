import { h } from "../shared/dom.mjs";

/**
 * Places for the children of a page that are drawn when they are first shown, and hidden while they
 * are not. A child that is never shown costs nothing.
 */
export function stageOf(model, view) {
  const element = h("div", { class: "stage" });
  const places = new Map();
  const place = (name) => {
    if (!places.has(name)) {
      places.set(name, h("div", { class: "live" }, model.get_child(name)));
      element.append(places.get(name));
      view.render_children();
    }
    return places.get(name);
  };
  /** Show one child; in brief it leaves out what its style sheet calls an extra. */
  const show = (name, brief = false) => {
    const shown = name && model[name] ? place(name) : null;
    for (const each of places.values()) each.hidden = each !== shown;
    shown?.firstElementChild.classList.toggle("brief", brief);
    element.hidden = shown === null;
  };
  return { element, show };
}
