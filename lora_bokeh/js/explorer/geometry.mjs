// Where ΔW = B · A is drawn. Pixels, y downwards, origin at the frame's top left corner.

export const THINNEST = 3; // px: thinner than this nothing would be seen
const ABOVE = 28; // room for a block's name
const BELOW = 44; // room for its dimensions, and for the note under them
const EQUALS = 40; // room for "="
const TIMES = 28; // room for "·"
const PER_CHARACTER = 6.8; // width of a digit in a dimension label, px

const labelWidth = (rows, columns) => PER_CHARACTER * (`${rows} × ${columns}`.length + 1);

/** Pixels an entry, the same for all three blocks and for every rank. */
export function pixelsPerEntry({ width, height, d, k, end, showFull }) {
  const copies = showFull ? 2 : 1;
  const room = width - TIMES - (showFull ? EQUALS : 0) - 4;
  const label = labelWidth(d, end);
  const shared = room / (copies * k + end);
  const across = end * shared >= label ? shared : (room - label) / (copies * k);
  return Math.max(Math.min(across, (height - ABOVE - BELOW) / d), 0);
}

function block(name, rows, columns, unit, x, y) {
  const w = Math.max(columns * unit, THINNEST);
  const h = Math.max(rows * unit, THINNEST);
  const slot = Math.max(w, labelWidth(Math.round(rows), Math.round(columns)));
  const thin = columns * unit < THINNEST || rows * unit < THINNEST;
  return { name, rows, columns, x: x + (slot - w) / 2, y, w, h, slot, thin };
}

/** The blocks and the signs between them at a (possibly fractional, mid-spring) rank. */
export function layoutBlocks({ width, height, d, k, rank, end, showFull }) {
  const unit = pixelsPerEntry({ width, height, d, k, end, showFull });
  const y = ABOVE;
  const blocks = [];
  const signs = [];
  let x = 0;
  const middle = y + Math.max(d * unit, THINNEST) / 2;
  if (showFull) {
    blocks.push(block("ΔW", d, k, unit, x, y));
    x += blocks[0].slot;
    signs.push({ text: "=", x: x + EQUALS / 2, y: middle });
    x += EQUALS;
  }
  const B = block("B", d, rank, unit, x, y);
  x += B.slot;
  signs.push({ text: "·", x: x + TIMES / 2, y: middle });
  blocks.push(B, block("A", rank, k, unit, x + TIMES, y));
  return { blocks, signs, unit };
}
