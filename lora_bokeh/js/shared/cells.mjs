import { contrast } from "./colours.mjs";
import { measuredSize } from "./figures.mjs";

// Numbers in the cells of small matrices: as many digits as there is room for.

export const MOST_CELLS = 16; // rows and columns up to which cells hold numbers
const FONT_SIZES = [13, 12, 11, 10, 9, 8]; // px
const DIGIT = 0.62; // width of a digit, of its font's size

/** How numbers up to `peak` are written in cells of a size: {size, scale, decimals}, or null.
 *
 * `scale` is the power of ten that they are divided by. With less room than "−1.2" needs, they are
 * whole numbers of two digits.
 */
export function numberStyle(peak, width, height = Infinity) {
  const exponent = Math.floor(Math.log10(peak));
  const plain = exponent >= -1 && exponent <= 1 ? 0 : exponent;
  const before = 2 + Math.max(exponent - plain, 0); // the sign, and digits before the point
  const fitting = (characters) =>
    FONT_SIZES.find((size) => size <= height - 2 && characters * DIGIT * size <= width - 1);
  for (const decimals of [2, 1]) {
    const size = fitting(before + 1 + decimals);
    if (size > (decimals === 1 ? 8 : 9)) return { size, scale: plain, decimals };
  }
  const size = fitting(3);
  return size ? { size, scale: exponent - 1, decimals: 0 } : null;
}

/** How the numbers of a figure's cells are written, or null where there is no room. */
export function styleIn(figure, [rows, columns], peak) {
  const { width, height } = measuredSize(figure);
  return numberStyle(peak, width / columns, height / rows);
}

/** What the numbers of a style are multiples of, if not of one: ", in 10⁻²". */
export function unitText(style) {
  if (!style?.scale) return "";
  const power = Array.from(String(style.scale), (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
  return `, in 10${power}`;
}

/** A number in a style: with a true minus, and no minus on a zero. */
export function cellText(value, { scale, decimals }) {
  const text = (value / 10 ** scale).toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/** Whether a number on a colour of the palette, by its share of the peak, reads better in card than in ink. */
export function readsInCard({ ink, card }, palette) {
  const better = palette.map((colour) => contrast(colour, card) > contrast(colour, ink));
  const middle = (palette.length - 1) / 2;
  return (share) => better[Math.round(middle * (1 + Math.min(Math.max(share, -1), 1)))];
}
