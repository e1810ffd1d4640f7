import { METRICS, valueText } from "../explorer/words.mjs";
import { h, setText } from "./dom.mjs";

const share = (input) => `${(100 * (input.value - input.min)) / Math.max(input.max - input.min, 1)}%`;

/** The rank slider: a native range named "rank"; its text is the situation in words. */
export function rankSlider(onRank) {
  const value = h("span", { class: "value", "aria-hidden": "true" });
  const input = h("input", { type: "range", min: 1, step: 1, oninput: () => onRank(Number(input.value)) });
  const element = h("label", { class: "slider" }, h("span", {}, "rank"), input, value);
  const show = (now) => {
    input.max = now.end;
    input.value = now.rank;
    input.style.setProperty("--share", share(input));
    input.setAttribute("aria-valuetext", valueText(now));
    setText(value, String(now.rank));
  };
  return { element, show };
}

/** A dimension of ΔW: a range to drag and a field to type in, both native. */
export function sizeSlider(name, bounds, onSize) {
  const [min, max] = bounds;
  const commit = (input) => {
    const size = Math.round(Number(input.value));
    if (size >= min && size <= max) onSize(size);
  };
  const range = h("input", { type: "range", min, max, step: 1, oninput: () => commit(range) });
  const field = h("input", {
    type: "number",
    min,
    max,
    step: 1,
    "aria-label": `${name}, typed`,
    onchange: () => commit(field),
  });
  const element = h(
    "div",
    { class: "slider" },
    h("label", { class: "slider" }, h("span", {}, name), range),
    field,
  );
  const show = (size) => {
    range.value = field.value = size;
    range.style.setProperty("--share", share(range));
  };
  return { element, show };
}

/** The radio group named "metric". Radios of one explorer share a name no other explorer has. */
export function metricRadios(group, onMetric) {
  const radios = Object.entries(METRICS).map(([metric, label]) => {
    const input = h("input", { type: "radio", name: group, value: metric, onchange: () => onMetric(metric) });
    return { metric, input, label: h("label", {}, input, label) };
  });
  const element = h(
    "div",
    { class: "metric", role: "radiogroup", "aria-label": "metric" },
    ...radios.map((radio) => radio.label),
  );
  const show = ({ metric }) =>
    radios.forEach((radio) => {
      radio.input.checked = radio.metric === metric;
    });
  return { element, show };
}

/** The chooser of targets: a native select. */
export function targetChooser(onTarget) {
  const select = h("select", { onchange: () => onTarget(select.value) });
  const element = h("label", { class: "target" }, h("span", {}, "target"), select);
  const show = (targets, target) => {
    const names = Object.keys(targets);
    if (names.join("\n") !== [...select.options].map((option) => option.value).join("\n")) {
      select.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    }
    select.value = target;
    element.hidden = names.length < 2;
  };
  return { element, show };
}
