import { DOUBLE, SINGLE, forwardPass, greatest, greatestDifference, minus, norm, product, rankOf, roundingOf, scaleOf, unmergeError, updateOf } from "./algebra.mjs";
import { uniform } from "./draws.mjs";
import { factorsOf } from "./starts.mjs";

// What the merge view shows, from its state. Pure: each part is computed when it is asked for.

export const EDITABLE = 16; // rows or columns up to which entries are shown and typed
export const SIDE = 96; // rows and columns of a picture, at most

/** The input: as it was typed, else drawn. */
export const inputOf = ({ seed, x }, k) => (x ? Float64Array.from(x) : uniform(seed, "x", k));

/** The adapter in use: its factors at the rank shown, its scale, the weights and the input. */
export function mergeSituation({ frozen, shape, best, end, rank: wanted, alpha, use_rslora, adapter, adapters, input }) {
  const [d, k] = shape;
  const rank = Math.min(Math.max(wanted, 1), end);
  const record = adapters[adapter - 1];
  const factors = factorsOf(record, d, k, rank, best);
  const scale = scaleOf(alpha, rank, use_rslora);
  return {
    d, k, rank, end, scale, record, adapter, best, ...factors,
    alpha: alpha ?? 2 * rank,
    follows: alpha === null,
    rslora: use_rslora,
    W: frozen,
    x: inputOf(input, k),
    small: Math.max(d, k) <= EDITABLE,
  };
}

/** What is said of the update: the rank of B·A, its size, and its distance to the target. */
export function updateFacts(now) {
  const { d, k, rank, B, A, scale, best, W } = now;
  const BA = product(B, A, d, rank, k);
  const size = Math.abs(scale) * norm(BA);
  const facts = { rank: rankOf(BA, d, k, roundingOf(now)), zero: greatest(BA) === 0, noB: greatest(B) === 0, size, share: size / (norm(W) || 1) };
  if (!best?.complete) return facts;
  const held = best.s.length;
  const stretched = Float64Array.from(best.U, (u, i) => u * best.s[i % held]);
  const target = product(stretched, best.Vh, d, held, k);
  const distance = norm(minus(target, updateOf(now)));
  return { ...facts, distance, floor: norm(Array.from(best.s).slice(rank)) };
}

/** What rounding does: the greatest |h − h′| in both precisions, and W merged and unmerged. */
export function roundingFacts(now) {
  const difference = (precision) => {
    const { unmerged, merged } = forwardPass(now, precision);
    return greatestDifference(unmerged, merged);
  };
  return { double: difference(DOUBLE), single: difference(SINGLE), unmerge: unmergeError(now) };
}
