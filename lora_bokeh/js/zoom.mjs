// What part of a matrix is seen: intervals of rows and columns, entry i, from 1,
// between i − ½ and i + ½.

const LEAST = 4; // entries that are always seen

/** An interval moved, and cut to at least LEAST and at most `size` entries, of `size`. */
export function within({ start, end }, size) {
  const span = Math.min(Math.max(end - start, LEAST), size);
  const middle = Math.min(Math.max((start + end) / 2, 0.5 + span / 2), size + 0.5 - span / 2);
  return { start: middle - span / 2, end: middle + span / 2 };
}

/** An interval seen closer (factor < 1) or from farther, an entry of it staying in place. */
export function scaled({ start, end }, size, entry, factor) {
  return within({ start: entry - factor * (entry - start), end: entry + factor * (end - entry) }, size);
}

/** The entries that an interval shows in part, counted from 0: the first, and the one past the last. */
export function entriesSeen({ start, end }, size) {
  const first = Math.max(Math.floor(start - 0.5), 0);
  return [first, Math.max(Math.min(Math.ceil(end - 0.5), size), first + 1)];
}
