import { h } from "./dom.mjs";

/** A button that opens a panel under it; Escape, and a click or the focus elsewhere, close it. */
export function menu(label, name, ...children) {
  const summary = h("summary", name ? { "aria-label": name } : {}, label);
  const element = h("details", { class: "menu" }, summary, h("div", { class: "panel" }, ...children));
  const close = () => {
    element.open = false;
  };
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    close();
    summary.focus();
  });
  element.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !element.contains(relatedTarget)) close();
  });
  const outside = (event) => {
    if (!event.composedPath().includes(element)) close();
  };
  element.addEventListener("toggle", () => {
    if (element.open) document.addEventListener("pointerdown", outside);
    else document.removeEventListener("pointerdown", outside);
  });
  return { element, summary, close };
}
