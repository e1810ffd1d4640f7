import { h, setText } from "../shared/dom.mjs";
import { nearestStop, rankStops } from "./state.mjs";
import { budgetValueText } from "./words.mjs";

/** The rank: a native range over stops, even in ratio, and a field for any whole number. */
export function stopSlider(onRank) {
  let [shown, end, stops] = [1, 1, [1]];
  const range = h("input", { type: "range", min: 0, step: 1, oninput: () => onRank(stops[range.value]) });
  const typed = () => {
    const rank = Math.round(Number(field.value));
    if (rank >= 1) onRank(Math.min(rank, end));
    else field.value = shown;
  };
  const field = h("input", { type: "number", min: 1, step: 1, "aria-label": "rank, typed", onchange: typed });
  const element = h(
    "div",
    { class: "slider" },
    h("label", { class: "slider" }, h("span", {}, "rank"), range),
    field,
  );
  const show = (now) => {
    [shown, end, stops] = [now.rank, now.end, rankStops(now.end)];
    field.max = end;
    field.value = now.rank;
    range.max = stops.length - 1;
    range.value = nearestStop(stops, now.rank);
    range.style.setProperty("--share", `${(100 * range.value) / Math.max(range.max, 1)}%`);
    range.setAttribute("aria-valuetext", budgetValueText(now));
  };
  return { element, show };
}

/** A labelled native select; its options are [value, text]. */
export function labelledSelect(label, options, onChoose) {
  const select = h(
    "select",
    { onchange: () => onChoose(select.value) },
    ...options.map(([value, text]) => h("option", { value }, text)),
  );
  const element = h("label", { class: "target" }, h("span", {}, label), select);
  return {
    element,
    show: (value) => {
      select.value = value;
    },
  };
}

const sizeText = ({ shapes }) => {
  const [[, input, output], ...others] = shapes;
  return others.length ? `${shapes.length} sizes` : `${input} → ${output}`;
};

/** Check boxes for the modules of a model; the last one that is checked stays. */
export function targetBoxes(onTargets, onRefuse) {
  let [model, chosen] = [null, []];
  const boxes = h("div", { class: "boxes" });
  const all = h(
    "button",
    { type: "button", onclick: () => onTargets(model.modules.map((module) => module.name)) },
    "All",
  );
  const element = h("fieldset", { class: "targets" }, h("legend", {}, "matrices adapted"), boxes);
  const toggle = (name, input) => {
    const names = model.modules
      .map((module) => module.name)
      .filter((each) => (each === name ? input.checked : chosen.includes(each)));
    if (names.length) onTargets(names);
    else {
      input.checked = true;
      onRefuse();
    }
  };
  const box = (module) => {
    const input = h("input", {
      type: "checkbox",
      value: module.name,
      onchange: () => toggle(module.name, input),
    });
    return h("label", {}, input, h("span", {}, module.name), h("small", {}, sizeText(module)));
  };
  const show = (now, targets) => {
    if (now.model !== model) boxes.replaceChildren(...now.model.modules.map(box), all);
    [model, chosen] = [now.model, targets];
    for (const input of boxes.querySelectorAll("input")) input.checked = targets.includes(input.value);
  };
  return { element, show };
}

/** The heading: the question, the model, and where its dimensions are from. */
export function budgetHead() {
  const title = h("h1");
  const what = h("p", { class: "what" });
  const element = h("header", { class: "head" }, title, what);
  const show = ({ rank, model }) => {
    setText(title, `What does rank ${rank} train?`);
    what.replaceChildren(
      h("b", {}, model.name),
      ` · ${model.parameters.toLocaleString("en-US")} parameters · dimensions: ${model.source}`,
    );
  };
  return { element, show };
}
