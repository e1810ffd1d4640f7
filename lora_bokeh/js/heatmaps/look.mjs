import { formatSignificant } from "../shared/numbers.mjs";
import { blockAt, blockOf, entriesOf, meansOf, sizesOf } from "./blocks.mjs";

// What is under the pointer, in words; and when a page should ask for more detail.

const FINE = 130; // blocks across what is seen: with fewer, and entries to spare, more is asked for

/** The rows and columns of a part that hold an entry: blocks, and the entries in them. */
export function cellAt(part, row, column) {
  const [top, bottom, left, right] = part.region;
  const { p, q } = sizesOf(part);
  const along = (entry, first, end, count) => {
    const block = blockOf(entry - first, end - first, count);
    return { block, entries: entriesOf(block, end - first, count).map((i) => i + first) };
  };
  return { rows: along(row, top, bottom, p), columns: along(column, left, right, q) };
}

const covers = ({ region: [top, bottom, left, right] }, row, column) =>
  row >= top && row < bottom && column >= left && column < right;

/** The finest of what is held of an entry. */
export function partAt(parts, row, column) {
  return parts.findLast((part) => covers(part, row, column));
}

const spanText = (name, [first, last]) =>
  first === last ? `${name} ${first + 1}` : `${name}s ${first + 1}–${last + 1}`;

/** Where a cell is, counted from 1, and what W, W_r and the error are there. */
export function spotText(part, row, column, rank, symbol) {
  const { rows, columns } = cellAt(part, row, column);
  const [i, j] = [rows.block, columns.block];
  const mean = meansOf(part)[i * sizesOf(part).q + j] * part.unit;
  const kept = blockAt(part, i, j, rank) * part.unit;
  const pooled = rows.entries[0] < rows.entries[1] || columns.entries[0] < columns.entries[1];
  const value = (name, x) => `${name} ${formatSignificant(x)}`;
  return (
    `${spanText("row", rows.entries)}, ${spanText("column", columns.entries)}${pooled ? " (mean)" : ""}: ` +
    `${value(symbol, mean)}, ${value("B·A", kept)}, ${value("error", mean - kept)}`
  );
}

/** Whether a part shows so many rows and columns as finely as they can be. */
function fineEnough(part, [top, bottom, left, right]) {
  const { p, q } = sizesOf(part);
  const [t, b, l, r] = part.region;
  const enough = (seen, all, count) => (seen * count) / all >= Math.min(seen, FINE);
  return (
    top >= t &&
    bottom <= b &&
    left >= l &&
    right <= r &&
    enough(bottom - top, b - t, p) &&
    enough(right - left, r - l, q)
  );
}

/** Whether none of the parts is fine enough for a region, or only one that lacks terms. */
export function wantsMore(parts, region) {
  const { known } = sizesOf(parts[0]);
  return !parts.some((part) => fineEnough(part, region) && sizesOf(part).known >= known);
}

/** How the pictures relate to the entries: one each, or means over blocks. */
export function blockText(part) {
  const [top, bottom, left, right] = part.region;
  const { p, q } = sizesOf(part);
  if (p === bottom - top && q === right - left) return "Each cell is one entry.";
  const size = (entries, count) => formatSignificant(entries / count).replace(/\.?0+$/, "");
  return `Each pixel is the mean over ${size(bottom - top, p)} × ${size(right - left, q)} entries.`;
}
