import { QUIET } from "../shared/figures.mjs";

// What part of a matrix is seen: intervals of rows and columns, entry i, from 1, between i ± ½.

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

/** The entries an interval shows in part, counted from 0: the first, and the one past the last. */
export function entriesSeen({ start, end }, size) {
  const first = Math.max(Math.floor(start - 0.5), 0);
  return [first, Math.max(Math.min(Math.ceil(end - 0.5), size), first + 1)];
}

const middleOf = ({ start, end }) => (start + end) / 2;

/** The ranges that the heat maps of a d × k matrix have in common; rows run downwards. */
export class Seen {
  constructor({ x_range, y_range }, onChange) {
    Object.assign(this, { x_range, y_range });
    for (const range of [x_range, y_range]) {
      for (const end of ["start", "end"]) range.properties[end].change.connect(onChange);
    }
  }

  get columns() {
    return { start: this.x_range.start, end: this.x_range.end };
  }

  get rows() {
    return { start: this.y_range.end, end: this.y_range.start };
  }

  /** Row and column in the middle, counted from 1. */
  get middle() {
    return [middleOf(this.rows), middleOf(this.columns)].map(Math.round);
  }

  /** [top, bottom, left, right] of what is seen, counted from 0, the ends left out. */
  region({ d, k }) {
    return [...entriesSeen(this.rows, d), ...entriesSeen(this.columns, k)];
  }

  show(rows, columns) {
    this.x_range.setv({ start: columns.start, end: columns.end }, QUIET);
    this.y_range.setv({ start: rows.end, end: rows.start }, QUIET);
  }

  zoom({ d, k }, factor, [row, column]) {
    this.show(scaled(this.rows, d, row, factor), scaled(this.columns, k, column, factor));
  }

  whole({ d, k }) {
    this.show({ start: 0.5, end: d + 0.5 }, { start: 0.5, end: k + 0.5 });
  }
}
