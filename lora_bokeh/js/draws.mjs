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
  return Float64Array.from({ length: count }, (_, i) => (2 * mixed(key ^ i) + 1) / 2 ** 32 - 1);
}

/** B (d × r) within ±1 and A (r × k) within ±1/√k, row by row. */
export function drawnFactors(seed, d, k, rank) {
  const columns = uniform(seed, "B", d * rank);
  const B = Float64Array.from({ length: d * rank }, (_, i) => columns[(i % rank) * d + Math.floor(i / rank)]);
  return { B, A: uniform(seed, "A", rank * k).map((u) => u / Math.sqrt(k)) };
}
