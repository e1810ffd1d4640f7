import { h, setText } from "../shared/dom.mjs";
import { formatBytes, formatPercent } from "../shared/numbers.mjs";

// The panel to resize an adapter, or to extract one. Every plan was computed in Python; here one is
// looked up.

const TITLES = {
  resize: "Resize: which ranks, what they keep",
  extract: "Extract an adapter: which ranks, what they keep",
};
const UNPLANNED =
  "Compute all matrices, in the list above: then this shows the bytes and the energy of an adapter of any ranks, and the command that writes it.";

/** The plan at a stop of one way of choosing ranks. */
export function planAt(plans, way, stop) {
  const { labels, ranks, bytes, energy, commands } = plans.ways[way];
  const i = Math.min(stop, labels.length - 1);
  return { label: labels[i], ranks: ranks[i], bytes: bytes[i], energy: energy[i], command: commands[i] };
}

/** What a plan comes to, in one sentence. */
export function planSentence(plan, before) {
  const share = before > 0 ? ` (${formatPercent(plan.bytes / before)} of ${formatBytes(before)})` : "";
  return `${plan.label}: ${formatBytes(plan.bytes)}${share}, ${formatPercent(plan.energy)} of the energy retained`;
}

/** A command's words, each of which stays in one piece where there is room: "--rank" most of all. */
const wordsOf = (text) =>
  text.split(" ").flatMap((word, i) => (i ? [" ", h("span", {}, word)] : [h("span", {}, word)]));

/** Choose ranks for all matrices at once; see bytes, energy and the command that would do it. */
export function planPanel(group, onPlan) {
  let plans = null;
  const stop = {};
  const radios = h("div", { class: "metric", role: "radiogroup", "aria-label": "choose ranks by" });
  const range = h("input", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "plan",
    oninput: () => choose(Number(range.value)),
  });
  const sentence = h("p", { class: "sentence", role: "note" });
  const command = h("code");
  const copy = h(
    "button",
    { type: "button", onclick: () => navigator.clipboard?.writeText(command.textContent) },
    "Copy",
  );
  const title = h("h2");
  const choices = [h("div", { class: "ways" }, radios, range), h("div", { class: "command" }, command, copy)];
  const element = h("section", { class: "card plan" }, title, choices[0], sentence, choices[1]);
  let way = null;
  const current = () => planAt(plans, way, stop[way]);
  const draw = () => {
    const plan = current();
    range.max = plans.ways[way].labels.length - 1;
    range.value = stop[way];
    range.style.setProperty("--share", `${(100 * range.value) / Math.max(range.max, 1)}%`);
    range.setAttribute("aria-valuetext", planSentence(plan, plans.before));
    setText(sentence, planSentence(plan, plans.before));
    command.replaceChildren(...wordsOf(plan.command));
  };
  const choose = (i) => {
    stop[way] = i;
    draw();
    onPlan(current().ranks);
  };
  const pick = (name) => {
    way = name;
    stop[way] ??= plans.ways[way].start;
    draw();
    onPlan(current().ranks);
  };
  const build = () =>
    radios.replaceChildren(
      ...Object.entries(plans.ways).map(([name, { title }]) => {
        const input = h("input", { type: "radio", name: group, value: name, onchange: () => pick(name) });
        input.checked = name === way;
        return h("label", {}, input, title);
      }),
    );
  const show = (state) => {
    const { verb, ways } = state.plans;
    element.hidden = !verb || !(ways || state.hosted);
    if (element.hidden || plans === state.plans) return;
    plans = state.plans;
    element.setAttribute("aria-label", verb);
    setText(title, TITLES[verb]);
    for (const part of choices) part.hidden = !ways;
    if (!ways) return setText(sentence, UNPLANNED);
    for (const name of Object.keys(stop)) delete stop[name];
    way = plans.first;
    stop[way] = plans.ways[way].start;
    build();
    draw();
    onPlan(current().ranks);
  };
  return { element, show };
}
