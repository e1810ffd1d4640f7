import { product } from "./algebra.mjs";
import { entriesOf } from "./pooled.mjs";

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

const transposed = (M, m, n) => Float64Array.from({ length: m * n }, (_, i) => M[(i % m) * n + Math.floor(i / m)]);

/** Means over blocks of M (m × n): a picture of at most side × side. */
export function pooled(M, m, n, side) {
  const [rows, columns] = [Math.min(m, side), Math.min(n, side)];
  const half = transposed(pooledRows(M, m, n, side), rows, n);
  return transposed(pooledRows(half, n, rows, side), columns, rows);
}

/** The picture of s·B·A from its factors: means commute with the product. */
export function pooledUpdate({ B, A, d, k, rank, scale }, side) {
  const [rows, columns] = [Math.min(d, side), Math.min(k, side)];
  const tall = pooledRows(B, d, rank, side);
  const wide = transposed(pooledRows(transposed(A, rank, k), k, rank, side), columns, rank);
  return product(tall, wide, rows, rank, columns).map((x) => scale * x);
}
