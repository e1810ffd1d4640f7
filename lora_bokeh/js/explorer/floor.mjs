import { columnsOf, measuredSize, setColumns } from "../shared/figures.mjs";
import { along } from "../shared/lora.mjs";
import { formatSignificant } from "../shared/numbers.mjs";

// The rounding floor of a difference of checkpoints: a dotted line across the residual curve.

const [HEIGHT, CHARACTER, GAP] = [15, 6.4, 4]; // px: of a line of text, of a digit, from the line

const meet = (a, b) => a.left < b.right && b.left < a.right && a.low < b.high && b.low < a.high;

/** What a falling curve, or the band under it, covers of the ranks that a box spans. */
function covered({ high, low }, { left, right }) {
  return { left, right, low: along(low ?? high, right), high: along(high, left) };
}

/** The first box that meets neither the curve nor an obstacle; the first of all if each does. */
export function freeBox(boxes, curve, obstacles) {
  const free = (box) => !meet(box, covered(curve, box)) && !obstacles.some((other) => meet(box, other));
  return boxes.find(free) ?? boxes[0];
}

/** Where a text could stand along a level line: at the right, the left, the middle; above, below. */
export function boxesAlong(y, text, frame, pixel) {
  const [width, height, gap] = [text.length * CHARACTER * pixel.x, HEIGHT * pixel.y, GAP * pixel.y];
  const starts = [frame.right - width, frame.left, (frame.left + frame.right - width) / 2];
  const box = (left, low) => ({ left, right: left + width, low, high: low + height });
  return starts
    .flatMap((left) => [box(left, y + gap), box(left, y - gap - height)])
    .filter(({ low, high }) => low > frame.low && high < frame.high);
}

/** What a text beside a point covers, from `down` to `up` pixels above it. */
function textBox({ x, y, text, align, down, up }, pixel) {
  const width = (text.length * 8 + 12) * pixel.x;
  const [left, right] = align === "right" ? [x - width, x + 9 * pixel.x] : [x - 9 * pixel.x, x + width];
  return { left, right, low: y + down * pixel.y, high: y + up * pixel.y };
}

/** Draw the floor, or nothing where there is none; its name keeps clear of the curve and of texts. */
export function drawFloor(figure, floor, curve, frame, texts) {
  const line = floor === undefined ? [] : [{ left: frame.left, right: frame.right, y: floor }];
  setColumns(figure, "floor", columnsOf(line, "left", "right", "y"));
  const { width, height } = measuredSize(figure);
  const pixel = { x: (frame.right - frame.left) / width, y: (frame.high - frame.low) / height };
  const names = line.flatMap(({ y }) => {
    const text = `rounding floor ${formatSignificant(y)}`;
    const box = freeBox(
      boxesAlong(y, text, frame, pixel),
      curve,
      texts.map((each) => textBox(each, pixel)),
    );
    return box ? [{ x: box.left, y: box.low, text }] : [];
  });
  setColumns(figure, "floor-name", columnsOf(names, "x", "y", "text"));
}
