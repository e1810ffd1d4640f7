import { DOUBLE, SINGLE, forwardPass, greatest, greatestDifference, mergedWeights, minus, norm, product, rankOf, roundingOf, scaleOf } from "./algebra.mjs";
import { MOST_CELLS } from "./cells.mjs";
import { uniform } from "./draws.mjs";
import { factorsOf } from "./starts.mjs";

// What the merge view shows, from its state. Pure: each part is computed when it is asked for.

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
    small: Math.max(d, k) <= MOST_CELLS,
  };
}

/** How far s·B·A is from the target, and how far the best of this rank is; {} without a target. */
function distances({ d, k, rank, best }, update) {
  if (!best?.complete) return {};
  const held = best.s.length;
  const stretched = Float64Array.from(best.U, (u, i) => u * best.s[i % held]);
  const target = product(stretched, best.Vh, d, held, k);
  return { distance: norm(minus(target, update)), floor: norm(Array.from(best.s).slice(rank)) };
}

/** What is said of the update: the rank of B·A, its size, and its distance to the target. */
export function updateFacts(now, update) {
  const { d, k, B, W, scale } = now;
  const size = norm(update);
  return {
    rank: rankOf(update, d, k, Math.abs(scale) * roundingOf(now)),
    zero: greatest(update) === 0,
    noB: greatest(B) === 0,
    size,
    share: size / (norm(W) || 1),
    ...distances(now, update),
  };
}

/** What rounding does: the greatest |h − h′| in a precision, and |W − W| after merging and back. */
function roundingIn(now, merge, precision) {
  const { unmerged, merged } = forwardPass(now, merge, precision);
  return { difference: greatestDifference(unmerged, merged), back: greatestDifference(minus(merge.weights, merge.update, precision), merge.W) };
}

/** All that is computed for the readouts. */
export function mergeFacts(now) {
  const [double, single] = [DOUBLE, SINGLE].map((precision) => mergedWeights(now, precision));
  return {
    ...updateFacts(now, double.update),
    double: roundingIn(now, double, DOUBLE),
    single: roundingIn(now, single, SINGLE),
  };
}
