import { h, renew, setText } from "../shared/dom.mjs";

// Which rank, by which rule. Every rank was computed in Python; here it is looked up and chosen.

const USUAL_THRESHOLD = 0.9; // where none was set

/** The stop of the threshold nearest to a share of the energy. */
export function nearestStop(thresholds, share) {
  const distances = thresholds.map((t) => Math.abs(t - share));
  return distances.indexOf(Math.min(...distances));
}

/** What a link says of the threshold: the nearest on offer, or nothing set. */
export const nearestThreshold = (thresholds) => (text) => {
  if (text === "") return null;
  return Number.isFinite(Number(text)) ? thresholds()[nearestStop(thresholds(), Number(text))] : undefined;
};

/** A rule's answer at a stop of the threshold: a rank, or bounds on it where not all is known. */
export function ruleAnswer(answers, rule, stop) {
  const answer = answers[rule.name];
  const [low, high] = answer[Math.min(stop, answer.length - 1)];
  return { low, high, exact: low === high };
}

/** "144", "at least 65", "65 to 90", or "–" where a rule has nothing to say. */
export function answerText({ low, high, exact }, last) {
  if (low === null) return "–";
  if (exact) return String(low);
  return high === null || high >= last ? `at least ${low}` : `${low} to ${high}`;
}

/** A formula with true subscripts, as nodes: "Σ_{j≤k} σ_j". */
function formulaNodes(text) {
  const parts = text.split(/_(\{[^}]*\}|.)/);
  return parts.map((part, i) => (i % 2 ? h("sub", {}, part.replace(/[{}]/g, "")) : part));
}

function ruleRow(rule, answer, state, end, onRank) {
  const rank = Math.min(Math.max(answer.low ?? 0, 1), end);
  const choose = h(
    "button",
    {
      type: "button",
      disabled: answer.low === null,
      "aria-label": `${rule.title}: rank ${answerText(answer, end)}, set it`,
      "aria-pressed": String(rank === state.rank),
      onclick: () => onRank(rank),
    },
    answerText(answer, Infinity),
  );
  const name = h(
    "th",
    { scope: "row" },
    rule.title,
    h("span", { class: "formula" }, ...formulaNodes(rule.formula), ` · ${rule.source}`),
  );
  return h("tr", {}, name, h("td", {}, choose));
}

/** The table rule → rank, with one threshold for the rules that have one. */
export function rulesPanel(onRank, onStop) {
  const value = h("output", { "aria-hidden": "true" });
  const range = h("input", { type: "range", min: 0, step: 1, oninput: () => onStop(Number(range.value)) });
  const label = h("label", { class: "slider" }, h("span", {}, "threshold t"), range, value);
  const body = h("tbody");
  const table = h(
    "table",
    {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "rule"), h("th", { scope: "col" }, "rank"))),
    body,
  );
  const element = h(
    "section",
    { class: "card rules", "aria-label": "rank rules" },
    h("h2", {}, "Which rank, by which rule"),
    label,
    table,
  );
  const draw = (now, { thresholds, threshold, rules }) => {
    const stop = nearestStop(thresholds, threshold ?? USUAL_THRESHOLD);
    const focused = body.getRootNode().activeElement?.getAttribute("aria-label")?.split(":")[0];
    range.max = thresholds.length - 1;
    range.value = stop;
    range.style.setProperty("--share", `${(100 * stop) / Math.max(thresholds.length - 1, 1)}%`);
    const text = `${+(100 * thresholds[stop]).toFixed(2)} %`;
    range.setAttribute("aria-valuetext", text);
    setText(value, text);
    renew(
      body,
      ...rules
        .filter(({ name }) => name in now.curve.answers)
        .map((rule) => ruleRow(rule, ruleAnswer(now.curve.answers, rule, stop), now, now.end, onRank)),
    );
    if (focused)
      [...body.querySelectorAll("button")]
        .find((b) => b.getAttribute("aria-label").startsWith(`${focused}:`))
        ?.focus();
  };
  const show = (now, model) => {
    element.hidden = !model.rules.length || !now.curve?.answers;
    if (!element.hidden) draw(now, model);
  };
  return { element, show };
}
