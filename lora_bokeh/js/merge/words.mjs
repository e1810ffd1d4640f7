import { formatExact, formatPercent, formatSignificant } from "../shared/numbers.mjs";
import { costs } from "./algebra.mjs";
import { SIDE } from "./state.mjs";

// Every sentence of the merge view. Pure: a situation in, text out.

/** Four digits at most, no zeros to fill up: 2, 0.7071, 1.5. */
const short = (x) =>
  x === 0 || (Math.abs(x) >= 1e-3 && Math.abs(x) < 1e4)
    ? String(Number(x.toPrecision(4))).replace("-", "−")
    : formatSignificant(x);

const RULES = { false: "α/r", true: "α/√r" };

export const scaleText = ({ rslora, alpha, rank, scale }) =>
  `s = ${RULES[rslora]} = ${short(alpha)}/${rslora ? "√" : ""}${rank} = ${short(scale)}`;

/** Names of the figures. */
export const MAPS = ["Frozen W", "Update s·B·A", "Merged W′"];
export const BARS = ["x", "Wx", "s·B(Ax)", "h"];

/** What is looked at, in one line. */
export const subject = (now) =>
  `${now.d} × ${now.k} · adapter ${now.adapter} · rank ${now.rank} · ${scaleText(now)}`;

function bestStory({ rank, scale, record }) {
  const fit = `B and A were fitted to the target update at s = ${short(record.scale)}: its truncated SVD.`;
  const times = scale / record.scale;
  return Math.abs(times - 1) < 1e-12
    ? `${fit} No update of rank ${rank} is nearer.`
    : `${fit} Now s·B·A is ${short(times)} times that.`;
}

/** What the update is, in one sentence. */
export function story(now, facts) {
  if (facts.noB)
    return "B = 0, so ΔW = s·B·A = 0 and W′ = W: with this adapter the model starts identical to the base.";
  if (facts.zero) return "B·A = 0, so ΔW = 0 and W′ = W: the model is identical to the base.";
  if (now.record.start === "best") return bestStory(now);
  if (now.record.start === "random")
    return `B and A are random, seed ${now.record.seed}: an update that nobody trained.`;
  return `B and A are your own. Whatever is typed, their product has rank ${now.rank} at most.`;
}

/** What a cell of a picture stands for, where it is not an entry. */
export function pooledText(d, k) {
  const [rows, columns] = [d, k].map((n) => Math.ceil(n / Math.min(n, SIDE)));
  return rows * columns > 1
    ? `Each cell is the mean over a block of at most ${rows} × ${columns} entries.`
    : "";
}

/** rank(BA) against the rank of the factors. */
export const rankText = ({ rank }, facts) => `${facts.rank} ≤ r = ${rank}`;

/** The readouts of the update, row by row: {label, math, value, exact, lead, rule}. */
export function updateReadout(now, facts) {
  const rows = [
    {
      label: "rank(BA)",
      value: rankText(now, facts),
      exact: "pivots of B·A above max(d, k)·ε·‖B‖·‖A‖",
      lead: true,
    },
    {
      label: "Scale s",
      math: RULES[now.rslora],
      value: short(now.scale),
      exact: String(now.scale),
      rule: true,
    },
    {
      label: "Update",
      math: "‖s·B·A‖",
      sub: "F",
      value: formatSignificant(facts.size),
      exact: String(facts.size),
    },
    {
      label: "Share of",
      math: "‖W‖",
      sub: "F",
      value: formatPercent(facts.share),
      exact: String(facts.share),
    },
  ];
  if (facts.distance === undefined) return rows;
  return [
    ...rows,
    {
      label: "Distance to the target",
      value: formatSignificant(facts.distance),
      exact: String(facts.distance),
      rule: true,
    },
    { label: "least possible at rank r", value: formatSignificant(facts.floor), exact: String(facts.floor) },
  ];
}

/** The greatest |h − h′| in both precisions. */
export const differenceText = ({ double, single }) =>
  `${formatSignificant(double.difference)} in float64, ${formatSignificant(single.difference)} in float32`;

/** Why the two ways of computing h differ, or do not. */
export function roundingSentence({ zero, double, single }) {
  if (zero) return "ΔW = 0: both ways compute Wx, bit for bit.";
  if (double.difference === 0 && single.difference === 0)
    return "On paper the two are equal; here every rounding happens to agree.";
  return "On paper the two are equal. They round at other places, so they differ: that is rounding, not zero, and larger in float32, which has 29 bits fewer.";
}

/** The two ways of running an adapter, row by row: [what, unmerged, merged]. */
export function wayRows({ d, k, rank }, facts) {
  const { unmerged, merged, factors } = costs(d, k, rank);
  return [
    ["multiply–adds", `dk + r(d + k) = ${formatExact(unmerged)}`, `dk = ${formatExact(merged)}`],
    ["bytes in float32", formatExact(4 * unmerged), formatExact(4 * merged)],
    [
      "another adapter",
      `${formatExact(factors)} numbers exchanged, W stays`,
      `taken out of W′, W is off by ${formatSignificant(facts.single.back)} (float32)`,
    ],
  ];
}

/** What was compared of W with W as the page began. */
export const untouched = (same, all) =>
  `W: ${formatExact(same)} of ${formatExact(all)} entries as they were at the start.`;

/** The live region: said once per settled change. */
export function mergeSummary(now, facts) {
  return (
    `Rank ${now.rank}, adapter ${now.adapter}, ${scaleText(now)}: the rank of B A is ${facts.rank}. ` +
    `Size of the update ${formatPercent(facts.share)} of W. ` +
    `Unmerged and merged differ by ${differenceText(facts)}.`
  );
}

/** The present state, as the name of a bookmark. */
export const mergeTitle = (now) => `adapter ${now.adapter}, rank ${now.rank}, s = ${short(now.scale)}`;

/** A figure as a file: the parts of its name, and what it says of itself. */
export const mergePicture = (now, title) => ({
  parts: [title, now.d, "x", now.k, "rank", now.rank],
  title: [title, `rank ${now.rank}, s = ${short(now.scale)}`],
});

/** Names of the figures, for assistive technology. */
export const mapName = (title, { d, k }, top) => `${title}: ${d} × ${k}, magnitudes to ${short(top)}.`;
export const barsName = (title, count, top) => `${title}: ${count} values, magnitudes to ${short(top)}.`;
