import { h } from "./dom.mjs";

/** A radio group: options [value, text]; `group` is a name that no other group of the page has. */
export function choiceRadios(label, group, options, onChoose) {
  const radios = options.map(([value, text]) => {
    const input = h("input", {
      type: "radio",
      name: group,
      value: String(value),
      onchange: () => onChoose(value),
    });
    return { value, input, element: h("label", {}, input, text) };
  });
  const element = h(
    "div",
    { class: "metric", role: "radiogroup", "aria-label": label },
    ...radios.map((radio) => radio.element),
  );
  const show = (chosen) =>
    radios.forEach((radio) => {
      radio.input.checked = radio.value === chosen;
    });
  return { element, show };
}
