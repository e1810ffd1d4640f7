// What the page computes when the rank moves: counts and look-ups, nothing else.
// Every residual was computed in Python; here it is only looked up.

/** LoRA's parameter counts for a d × k update at rank r; savings are negative past break-even. */
export function counts(d, k, rank) {
  const full = d * k;
  const lora = rank * (d + k);
  return { full, lora, savings: 1 - lora / full };
}

/** The highest rank the slider offers: all of them on a matrix, half of min(d, k) without one. */
export function maxRank(d, k, curve) {
  return curve ? curve.rank.length : Math.max(1, Math.floor(Math.min(d, k) / 2));
}

export function clamp(x, low, high) {
  return Math.min(Math.max(x, low), high);
}

/** Value of a curve at a rank between two ranks, on the straight line that is drawn there. */
export function along(values, rank) {
  const i = clamp(Math.floor(rank) - 1, 0, values.length - 1);
  const j = Math.min(i + 1, values.length - 1);
  return values[i] + (rank - 1 - i) * (values[j] - values[i]);
}

/** A quantity at one rank: the value, or the bound on the safe side and the other one. */
export function atRank(curve, quantity, rank) {
  const value = curve[quantity][rank - 1];
  const other = curve.low ? curve.low[quantity][rank - 1] : value;
  return { value, other, exact: value === other };
}

/** The first rank that leaves no more than the rounding of the stored numbers, if there is one. */
export function floorRank(curve, metric) {
  const floor = curve.floor?.[metric];
  const first = floor === undefined ? -1 : curve[metric].findIndex((residual) => residual <= floor);
  return first < 0 ? null : curve.rank[first];
}

/** How many ranks, from the first, have an exact value in this quantity. */
export function exactRanks(curve, quantity) {
  if (!curve.low) return curve.rank.length;
  const first = Array.from(curve[quantity]).findIndex((value, i) => value !== curve.low[quantity][i]);
  return first < 0 ? curve.rank.length : first;
}

/** What is shown now: the chosen target (or none), its shape, and the rank within bounds. */
export function situation(data) {
  const curve = data.targets[data.target] ?? null;
  const [d, k] = curve ? curve.shape : [data.d, data.k];
  const end = maxRank(d, k, curve);
  return { curve, d, k, end, rank: clamp(data.rank, 1, end), metric: data.metric };
}
