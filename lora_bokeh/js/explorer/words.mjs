import { atRank, counts, floorRank } from "../shared/lora.mjs";
import {
  formatCount,
  formatExact,
  formatPercent,
  formatRank,
  formatSignificant,
} from "../shared/numbers.mjs";

// Every sentence and readout of the page. Pure: a situation in, text out.

export const METRICS = { frobenius: "Frobenius", spectral: "spectral" };

/** The norm on the y axis of a matrix called `symbol`: its text and its subscript. */
export function normOf(metric, symbol) {
  return metric === "frobenius" ? [`‖${symbol} − BA‖`, "F"] : [`‖${symbol} − BA‖₂ = σ`, "r+1"];
}

/** Slider value for assistive technology. */
export function valueText({ d, k, rank, end }) {
  return `rank ${rank} of ${end}, ${formatExact(counts(d, k, rank).lora)} parameters`;
}

function costSentence({ d, k, rank }) {
  const { full, lora, savings } = counts(d, k, rank);
  const verdict = savings < 0 ? `${formatPercent(-savings)} more` : `${formatPercent(savings)} saved`;
  return `LoRA ${formatExact(lora)} of ${formatExact(full)} parameters, ${verdict}`;
}

/** A quantity at one rank; past what was computed a residual is "at most", an energy "at least". */
function quantityParts(curve, quantity, rank) {
  const { value, exact } = atRank(curve, quantity, rank);
  const [format, bound] =
    quantity === "captured" ? [formatPercent, "at least"] : [formatSignificant, "at most"];
  return { bound: exact ? "" : bound, value: format(value) };
}

export function quantityText(curve, quantity, rank) {
  const { bound, value } = quantityParts(curve, quantity, rank);
  return bound ? `${bound} ${value}` : value;
}

function exactText(curve, quantity, rank) {
  const { value, other, exact } = atRank(curve, quantity, rank);
  return exact ? String(value) : `between ${Math.min(value, other)} and ${Math.max(value, other)}`;
}

/** Whether what a rank leaves is no more than the rounding of the stored numbers. */
function belowFloor({ curve, metric, rank }) {
  const first = floorRank(curve, metric);
  return first !== null && rank >= first;
}

/** What the name of the curve says of the rounding floor. */
function floorSentence({ curve, metric }) {
  if (!curve.floor) return "";
  const first = floorRank(curve, metric);
  return ` Rounding floor ${formatSignificant(curve.floor[metric])}, ${first === null ? "not reached" : `reached at rank ${first}`}.`;
}

/** The live region: said once per settled change. */
export function summary(now) {
  const { curve, d, k, rank, metric } = now;
  if (!curve) return `Rank ${rank}, ${d} × ${k}: ${costSentence(now)}.`;
  return (
    `Rank ${rank}: ${METRICS[metric]} residual ${quantityText(curve, metric, rank)}, ` +
    `captured energy ${quantityText(curve, "captured", rank)}. ${costSentence(now)}.` +
    (belowFloor(now) ? " Below the rounding floor." : "")
  );
}

/** A short name of the state, for a bookmark. */
export function stateTitle({ curve, d, k, rank, metric }) {
  return curve ? `${curve.name}, rank ${rank}, ${METRICS[metric]}` : `${d} × ${k}, rank ${rank}`;
}

/** What a picture of a figure is called as a file, and what it says above and beside the drawing. */
export function pictureWords(now, kind, heading, symbol) {
  const { curve, d, k, rank, metric } = now;
  const [norm, sub] = normOf(metric, symbol);
  const what = [curve?.name, `${d} × ${k}`, `rank ${rank}`].filter(Boolean).join(" · ");
  return {
    parts: [curve?.name ?? `${d}x${k}`, "rank", rank, curve ? metric : "", kind],
    title: [heading, what],
    yLabel: kind === "curve" ? [`${METRICS[metric]} residual ${norm}`, sub] : null,
  };
}

/** Name of the factorization figure: dimensions and counts. */
export function factorsName(now) {
  const { d, k, rank } = now;
  return `Factorization: ΔW (${d} × ${k}) = B (${d} × ${rank}) · A (${rank} × ${k}). ${costSentence(now)}.`;
}

/** Name of the curve figure: axes, dimensions, counts and where the marker stands. */
export function curveName(now) {
  const { d, k, rank, end, metric, curve } = now;
  const residual = quantityText(curve, metric, rank);
  return (
    `${METRICS[metric]} residual of the ${d} × ${k} target against rank 1 to ${end}: ` +
    `${residual} at rank ${rank}.${floorSentence(now)} ${costSentence(now)}.`
  );
}

function costRows({ d, k, rank }) {
  const { full, lora, savings } = counts(d, k, rank);
  const exact = (n) => `exactly ${formatExact(n)} parameters`;
  return {
    saved: { label: "Savings", value: formatPercent(savings), lead: true },
    full: { label: "Full ΔW", math: "d·k", value: formatCount(full), exact: exact(full), rule: true },
    lora: { label: "LoRA B·A", math: "r(d + k)", value: formatCount(lora), exact: exact(lora) },
  };
}

/** The readout panel, row by row: {label, math, sub, bound, value, exact, lead, rule}. */
export function readout(now, { showCounts, alpha }) {
  const { curve, metric, rank } = now;
  const cost = costRows(now);
  if (!curve) return [cost.saved, cost.full, cost.lora];
  const said = (quantity) => ({
    ...quantityParts(curve, quantity, rank),
    exact: exactText(curve, quantity, rank),
  });
  const rows = [
    { label: "Captured energy", ...said("captured"), lead: true },
    { label: "Frobenius residual", ...said("frobenius"), rule: true },
    { label: "Spectral residual", math: "σ", sub: "r+1", ...said("spectral") },
  ];
  const floor = curve.floor?.[metric];
  if (floor !== undefined)
    rows.push({
      label: "Rounding floor",
      value: formatSignificant(floor),
      exact: `expected ${METRICS[metric]} norm of the rounding of what is stored: ${floor}`,
    });
  if (!showCounts) return rows;
  rows.unshift(cost.saved);
  rows.push(cost.full, cost.lora, {
    label: "Break-even rank",
    value: formatRank(curve.break_even),
    exact: `dk/(d + k) = ${curve.break_even}`,
    rule: true,
  });
  if (alpha)
    rows.push({
      label: "Scale",
      math: "α/r",
      value: formatSignificant(alpha / rank),
      exact: `${alpha}/${rank}`,
    });
  return rows;
}

/** One sentence under the readout where a number needs a warning; null where none ever will. */
export function caution(now) {
  const { curve, d, k, rank } = now;
  if (!curve) return null;
  if (belowFloor(now)) return "Below the rounding floor: what is left is no more than rounding.";
  if (rank > curve.known) return `Only bounds are known past rank ${curve.known}: the band.`;
  return counts(d, k, rank).savings < 0
    ? "Past break-even: the two factors hold more parameters than ΔW itself."
    : "";
}

/** How far the computation of a target has come. */
export function progressText({ running, known, wanted, all }) {
  const part = `${formatExact(known)} of ${formatExact(running ? wanted : all)}`;
  return running ? `computing singular values: ${part}` : `singular values computed: ${part}`;
}
