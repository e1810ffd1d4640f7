import { drawnA, drawnB } from "./draws.mjs";

// How the factors of an update begin: starts.py in JavaScript. Matrices are flat, row by row.

/** The first columns of a matrix that is `held` columns wide, padded with zeros. */
function columns(M, held, rows, wanted) {
  return Float64Array.from({ length: rows * wanted }, (_, i) => {
    const column = i % wanted;
    return column < held ? M[Math.floor(i / wanted) * held + column] : 0;
  });
}

/** B (d × r) and A (r × k) of an adapter's record at a rank. */
export function factorsOf(record, d, k, rank, best = null) {
  const A = drawnA(record.seed, k, rank);
  if (record.start === "random") return { B: drawnB(record.seed, d, rank), A };
  if (record.start === "own") {
    A.set(record.A.slice(0, rank * k));
    return { B: columns(record.B, record.A.length / k, d, rank), A };
  }
  if (record.start !== "best" || !best) return { B: new Float64Array(d * rank), A };
  const held = best.s.length;
  const root = Array.from(best.s, (sigma) => Math.sqrt(sigma / record.scale));
  const B = columns(best.U, held, d, rank).map((u, i) => u * (root[i % rank] ?? 0));
  A.set(best.Vh.slice(0, Math.min(rank, held) * k).map((v, i) => root[Math.floor(i / k)] * v));
  return { B, A };
}

/** An adapter's record with factors of one's own over those it began with, as wide as can be, so
 * that no rank loses any. */
export function ownRecord(record, d, k, end, best) {
  const { B, A } = factorsOf(record, d, k, end, best);
  const base = record.start === "own" ? record.base : record.start;
  return { ...record, start: "own", base, B: Array.from(B), A: Array.from(A) };
}
