import { entriesOf } from "../heatmaps/blocks.mjs";
import { product } from "./algebra.mjs";

// Pictures of matrices too large to show entry by entry: means over blocks.

/** Sizes of at most `side` groups of n rows, as even as can be. */
export function groupSizes(n, side) {
  const groups = Math.min(n, side);
  return Array.from({ length: groups }, (_, i) => {
    const [first, last] = entriesOf(i, n, groups);
    return last - first + 1;
  });
}

/** Means over groups of the rows of M (m × n). */
function pooledRows(M, m, n, side) {
  const sizes = groupSizes(m, side);
  const out = new Float64Array(sizes.length * n);
  let row = 0;
  sizes.forEach((size, group) => {
    for (const end = row + size; row < end; row++) {
      for (let j = 0; j < n; j++) out[group * n + j] += M[row * n + j] / size;
    }
  });
  return out;
}

/** Means over groups of the columns of M (m × n). */
function pooledColumns(M, m, n, side) {
  const sizes = groupSizes(n, side);
  const out = new Float64Array(m * sizes.length);
  let at = 0;
  for (let i = 0; i < m; i++) {
    sizes.forEach((size, group) => {
      for (const end = at + size; at < end; at++) out[i * sizes.length + group] += M[at] / size;
    });
  }
  return out;
}

/** Means over blocks of M (m × n): a picture of at most side × side. */
export function pooled(M, m, n, side) {
  return pooledColumns(pooledRows(M, m, n, side), Math.min(m, side), n, side);
}

/** The picture of s·B·A from its factors: means commute with the product. */
export function pooledUpdate({ B, A, d, k, rank, scale }, side) {
  const tall = pooledRows(B, d, rank, side);
  const wide = pooledColumns(A, rank, k, side);
  return product(tall, wide, Math.min(d, side), rank, Math.min(k, side)).map((x) => scale * x);
}
