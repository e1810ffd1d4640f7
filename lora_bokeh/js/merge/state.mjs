import { MOST_CELLS } from "../shared/cells.mjs";
import { clamp } from "../shared/lora.mjs";
import {
  addRow,
  DOUBLE,
  forwardPass,
  greatest,
  greatestDifference,
  MergedPass,
  norm,
  SINGLE,
  scaleOf,
  squares,
} from "./algebra.mjs";
import { uniform } from "./draws.mjs";
import { rankOfProduct } from "./elimination.mjs";
import { factorsOf } from "./factors.mjs";

// What the merge view shows, from its state. Pure: each part is computed when it is asked for.

export const SIDE = 96; // rows and columns of a picture, at most

/** The input: as it was typed, else drawn. */
export const inputOf = ({ seed, x }, k) => (x ? Float64Array.from(x) : uniform(seed, "x", k));

/** The adapter in use: its factors at the rank shown, its scale, the weights and the input. */
export function mergeSituation({
  frozen,
  shape,
  best,
  end,
  rank: wanted,
  alpha,
  use_rslora,
  adapter,
  adapters,
  input,
}) {
  const [d, k] = shape;
  const rank = clamp(wanted, 1, end);
  const record = adapters[adapter - 1];
  const factors = factorsOf(record, d, k, rank, best);
  const scale = scaleOf(alpha, rank, use_rslora);
  return {
    d,
    k,
    rank,
    end,
    scale,
    record,
    adapter,
    best,
    ...factors,
    alpha: alpha ?? 2 * rank,
    follows: alpha === null,
    rslora: use_rslora,
    W: frozen,
    x: inputOf(input, k),
    small: Math.max(d, k) <= MOST_CELLS,
  };
}

/** How far the update is from the target, row by row, and how far the best of its rank is. */
class Distance {
  constructor({ k, rank, best }) {
    const held = best.s.length;
    Object.assign(this, { k, held, Vh: new Float64Array(best.Vh), sum: 0 });
    this.US = Float64Array.from(best.U, (u, i) => u * best.s[i % held]);
    this.target = new Float64Array(k);
    this.floor = norm(Array.from(best.s).slice(rank));
  }

  row(i, update) {
    addRow(this.target.fill(0), 0, this.US, this.Vh, i, this.held, this.k);
    this.sum += squares(this.target, update);
  }

  get facts() {
    return { distance: Math.sqrt(this.sum), floor: this.floor };
  }
}

/** What rounding does: the greatest |h − h′| in a precision, and |W − W| after merging and back. */
function roundingOf(now, pass) {
  const { unmerged } = forwardPass(now, pass.base, pass.precision);
  return { difference: greatestDifference(unmerged, pass.merged), back: pass.off };
}

/** All that is computed for the readouts, row by row of W: large weights leave time between rows. */
export function* mergeFacts(now) {
  const [double, single] = [DOUBLE, SINGLE].map((precision) => new MergedPass(now, precision));
  const distance = now.best?.complete ? new Distance(now) : null;
  let [size, peak] = [0, 0];
  for (let i = 0; i < now.d; i++) {
    double.row(i);
    single.row(i);
    distance?.row(i, double.update);
    size += squares(double.update);
    peak = Math.max(peak, greatest(double.update));
    yield;
  }
  return {
    rank: rankOfProduct(now),
    zero: peak === 0,
    noB: greatest(now.B) === 0,
    size: Math.sqrt(size),
    share: Math.sqrt(size) / (norm(now.W) || 1),
    merged: double.merged,
    double: roundingOf(now, double),
    single: roundingOf(now, single),
    ...distance?.facts,
  };
}
