// LoRA's algebra on small matrices: flat arrays, row by row. Pure, in either precision.

// Loops of their own for both precisions: one loop over arrays of two kinds would be slow.

function addMultiple64(out, at, factor, Q, from, n) {
  for (let j = 0; j < n; j++) out[at + j] += factor * Q[from + j];
}

/** Stored in a Float32Array, the sum is rounded as well. */
function addMultiple32(out, at, factor, Q, from, n) {
  for (let j = 0; j < n; j++) out[at + j] += Math.fround(factor * Q[from + j]);
}

/** A precision: what a number is rounded to after each operation, and where it is kept. */
export const DOUBLE = { round: (x) => x, Array: Float64Array, addMultiple: addMultiple64, epsilon: 2 ** -52 };
export const SINGLE = { round: Math.fround, Array: Float32Array, addMultiple: addMultiple32, epsilon: 2 ** -23 };

/** s = α/r, or α/√r with rsLoRA; without an α of its own it is 2r. */
export function scaleOf(alpha, rank, rslora) {
  const a = alpha ?? 2 * rank;
  return rslora ? a / Math.sqrt(rank) : a / rank;
}

/** P (m × p) · Q (p × n), rounded after each multiplication and each addition. */
export function product(P, Q, m, p, n, { Array, addMultiple } = DOUBLE) {
  const out = new Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < p; l++) addMultiple(out, i * n, P[i * p + l], Q, l * n, n);
  }
  return out;
}

/** Entry by entry p + q, p − q, and s·p. */
export const plus = (p, q, { round } = DOUBLE) => p.map((x, i) => round(x + q[i]));
export const minus = (p, q, { round } = DOUBLE) => p.map((x, i) => round(x - q[i]));
export const times = (s, p, { round } = DOUBLE) => p.map((x) => round(round(s) * x));

/** An adapter on its weights, kept in a precision. */
function kept(adapter, precision) {
  const rounded = ["W", "B", "A", "x"].map((name) => [name, new precision.Array(adapter[name])]);
  return { ...adapter, ...Object.fromEntries(rounded) };
}

/** The weights merged: s·B·A, and W′ = W + s·B·A. */
export function mergedWeights(adapter, precision = DOUBLE) {
  const { W, B, A, d, k, rank, scale } = kept(adapter, precision);
  const update = times(scale, product(B, A, d, rank, k, precision), precision);
  return { W, update, weights: plus(W, update, precision) };
}

/** The forward pass on merged weights: x, Wx, s·B(Ax), their sum, and W′x. */
export function forwardPass(adapter, { weights }, precision = DOUBLE) {
  const { W, B, A, x, d, k, rank, scale } = kept(adapter, precision);
  const base = product(W, x, d, k, 1, precision);
  const update = times(scale, product(B, product(A, x, rank, k, 1, precision), d, rank, 1, precision), precision);
  return { x, base, update, unmerged: plus(base, update, precision), merged: product(weights, x, d, k, 1, precision) };
}

export const greatest = (p) => p.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
export const greatestDifference = (p, q) => p.reduce((most, x, i) => Math.max(most, Math.abs(x - q[i])), 0);
export const norm = (p) => Math.sqrt(p.reduce((sum, x) => sum + x * x, 0));

/** Below this an entry of B·A is rounding: max(d, k)·ε·‖B‖_F·‖A‖_F. */
export function roundingOf({ B, A, d, k }) {
  return Math.max(d, k) * DOUBLE.epsilon * norm(B) * norm(A);
}

/** Where the entry of largest magnitude is in what elimination has left of a matrix. */
function pivotOf(M, n, rows, columns) {
  let at = { row: rows[0], column: columns[0], size: -1 };
  for (const row of rows) {
    for (const column of columns) {
      const size = Math.abs(M[row * n + column]);
      if (size > at.size) at = { row, column, size };
    }
  }
  return at;
}

/** The rank of M (m × n): Gaussian elimination, complete pivoting, pivots above a tolerance. */
export function rankOf(M, m, n, tolerance) {
  const left = new Float64Array(M);
  let [rows, columns] = [m, n].map((size) => Array.from({ length: size }, (_, i) => i));
  while (rows.length && columns.length) {
    const pivot = pivotOf(left, n, rows, columns);
    if (!(pivot.size > tolerance)) break;
    rows = rows.filter((row) => row !== pivot.row);
    columns = columns.filter((column) => column !== pivot.column);
    for (const row of rows) {
      const factor = left[row * n + pivot.column] / left[pivot.row * n + pivot.column];
      for (const column of columns) left[row * n + column] -= factor * left[pivot.row * n + column];
    }
  }
  return m - rows.length;
}

/** Multiply–adds and numbers held by both ways of running an adapter. */
export function costs(d, k, rank) {
  return { unmerged: d * k + rank * (d + k), merged: d * k, factors: rank * (d + k) };
}
