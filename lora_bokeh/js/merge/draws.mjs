// Seeded numbers that Python and the page draw alike, bit for bit: draws.py in JavaScript.

export const LAST_SEED = 2 ** 32 - 1;
const STREAMS = { B: 1, A: 2, x: 3 };

/** Hash a 32-bit integer one to one, so that neighbours end far apart. */
function mixed(n) {
  let x = n >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Numbers in (−1, 1); the first ones are the same for any count. */
export function uniform(seed, stream, count) {
  const key = mixed(mixed(seed) + STREAMS[stream]);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = (2 * mixed(key ^ i) + 1) / 2 ** 32 - 1;
  return out;
}

/** B (d × r) within ±1, drawn column by column, kept row by row. */
export function drawnB(seed, d, rank) {
  const columns = uniform(seed, "B", d * rank);
  const B = new Float64Array(d * rank);
  for (let i = 0; i < d; i++) for (let l = 0; l < rank; l++) B[i * rank + l] = columns[l * d + i];
  return B;
}

/** A (r × k) within ±1/√k. */
export function drawnA(seed, k, rank) {
  return uniform(seed, "A", rank * k).map((u) => u / Math.sqrt(k));
}
