import { norm, product } from "./algebra.mjs";

// The rank of a matrix, and of a product that is never formed. Matrices are flat, row by row.

const EPSILON = 2 ** -52;

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

/** The rows of U in M = L·U (m × n): Gaussian elimination, complete pivoting, pivots above a tolerance.
 *
 * L has independent columns, so that M·N has the rank of U·N; M has as many as there are rows.
 */
export function eliminated(M, m, n, tolerance) {
  const left = new Float64Array(M);
  const pivots = [];
  let [rows, columns] = [m, n].map((size) => Array.from({ length: size }, (_, i) => i));
  while (rows.length && columns.length) {
    const pivot = pivotOf(left, n, rows, columns);
    if (!(pivot.size > tolerance)) break;
    pivots.push(left.slice(pivot.row * n, (pivot.row + 1) * n));
    rows = rows.filter((row) => row !== pivot.row);
    for (const row of rows) {
      const factor = left[row * n + pivot.column] / left[pivot.row * n + pivot.column];
      for (const column of columns) left[row * n + column] -= factor * left[pivot.row * n + column];
      left[row * n + pivot.column] = 0; // not its rounding
    }
    columns = columns.filter((column) => column !== pivot.column);
  }
  return pivots;
}

/** The rank of B·A from its factors: pivots above max(d, k)·ε·‖B‖_F·‖A‖_F. */
export function rankOfProduct({ B, A, d, k, rank }) {
  const rounding = Math.max(d, k) * EPSILON;
  const U = eliminated(B, d, rank, rounding * norm(B));
  const UA = product(
    U.flatMap((row) => Array.from(row)),
    A,
    U.length,
    rank,
    k,
  );
  return eliminated(UA, U.length, k, rounding * norm(B) * norm(A)).length;
}
