// LoRA's algebra: flat arrays, row by row. Pure, in either precision.

// Loops of their own for both precisions: one loop over arrays of two kinds would be slow.

function addMultiple64(out, at, factor, Q, from, n) {
  for (let j = 0; j < n; j++) out[at + j] += factor * Q[from + j];
}

/** Stored in a Float32Array, the sum is rounded as well. */
function addMultiple32(out, at, factor, Q, from, n) {
  for (let j = 0; j < n; j++) out[at + j] += Math.fround(factor * Q[from + j]);
}

/** A precision: what a number is rounded to after each operation, what holds such numbers, and a
 * matrix in it: one in float64 is as it is. */
export const DOUBLE = { round: (x) => x, Values: Float64Array, keep: (M) => M, addMultiple: addMultiple64 };
export const SINGLE = {
  round: (x) => Math.fround(x),
  Values: Float32Array,
  keep: (M) => new Float32Array(M),
  addMultiple: addMultiple32,
};

/** s = α/r, or α/√r with rsLoRA; without an α of its own it is 2r. */
export function scaleOf(alpha, rank, rslora) {
  const a = alpha ?? 2 * rank;
  return rslora ? a / Math.sqrt(rank) : a / rank;
}

/** Add row i of P · Q, for Q (p × n), to `out` from a place on. */
export function addRow(out, at, P, Q, i, p, n, { addMultiple } = DOUBLE) {
  for (let l = 0; l < p; l++) addMultiple(out, at, P[i * p + l], Q, l * n, n);
}

/** P (m × p) · Q (p × n). */
export function product(P, Q, m, p, n) {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) addRow(out, i * n, P, Q, i, p, n);
  return out;
}

/** M (m × n) · v, rounded after each multiplication and each addition. */
export function applied(M, v, m, n, { round, Values } = DOUBLE) {
  const out = new Values(m);
  for (let i = 0; i < m; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum = round(sum + round(M[i * n + j] * v[j]));
    out[i] = sum;
  }
  return out;
}

/** Entry by entry p + q, and s · p. */
export const plus = (p, q, { round } = DOUBLE) => p.map((x, i) => round(x + q[i]));
const times = (s, p, { round }) => p.map((x) => round(round(s) * x));

/** An adapter kept in a precision; W, which may be large, is rounded where it is read. */
function kept(adapter, { keep }) {
  const [B, A, x] = [adapter.B, adapter.A, adapter.x].map(keep);
  return { ...adapter, B, A, x };
}

/** The forward pass unmerged: s·B(Ax), and h, its sum with `base`, which is Wx. */
export function forwardPass(adapter, base, precision = DOUBLE) {
  const { B, A, x, d, k, rank, scale } = kept(adapter, precision);
  const update = times(scale, applied(B, applied(A, x, rank, k, precision), d, rank, precision), precision);
  return { update, unmerged: plus(base, update, precision) };
}

/** The forward pass on W, and on W′ = W + s·B·A, one row of them at a time: no row of W′ is kept. */
export class MergedPass {
  constructor(adapter, precision = DOUBLE) {
    Object.assign(this, kept(adapter, precision), { precision, off: 0 });
    this.update = new precision.Values(adapter.k); // the last row of s·B·A
    [this.base, this.merged] = [new precision.Values(adapter.d), new precision.Values(adapter.d)]; // Wx, W′x
  }

  /** Apply row i to x before and after merging; `off` is how far W is from W once unmerged again. */
  row(i) {
    const { W, B, A, x, k, rank, update, precision } = this;
    const { round } = precision;
    const scale = round(this.scale);
    addRow(update.fill(0), 0, B, A, i, rank, k, precision);
    let [base, sum, off] = [0, 0, this.off];
    for (let j = 0; j < k; j++) {
      const frozen = round(W[i * k + j]);
      const change = round(scale * update[j]);
      update[j] = change;
      const merged = round(frozen + change);
      base = round(base + round(frozen * x[j]));
      sum = round(sum + round(merged * x[j]));
      off = Math.max(off, Math.abs(round(merged - change) - frozen));
    }
    this.base[i] = base;
    this.merged[i] = sum;
    this.off = off;
  }
}

/** Σ p², and Σ (p − q)². */
export function squares(p, q = null) {
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += (q ? p[i] - q[i] : p[i]) ** 2;
  return sum;
}

export const norm = (p) => Math.sqrt(squares(p));

export function greatest(p) {
  let most = 0;
  for (let i = 0; i < p.length; i++) most = Math.max(most, Math.abs(p[i]));
  return most;
}

export const greatestDifference = (p, q) => greatest(p.map((x, i) => x - q[i]));

/** Multiply–adds and numbers held by both ways of running an adapter. */
export function costs(d, k, rank) {
  return { unmerged: d * k + rank * (d + k), merged: d * k, factors: rank * (d + k) };
}
