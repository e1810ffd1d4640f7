import { QUIET, setColumns, sourceOf } from "./bokeh.mjs";
import { groupSizes } from "./means.mjs";

// Heat maps of matrices in Bokeh figures, all on one diverging scale centred at zero.

const NARROWEST = 27; // px: a cell narrower than this holds no number
const STRONG = 0.75; // of the scale: from here on text takes the colour of the card

/** The least of 1, 1.5, 2, 3, 5, 7.5, 10, … that is at least x: a scale that seldom changes. */
export function niceCeiling(x) {
  if (!(x > 0 && x < Infinity)) return 1;
  const power = 10 ** Math.floor(Math.log10(x));
  return power * [1, 1.5, 2, 3, 5, 7.5, 10].find((step) => step * power >= x * (1 - 1e-12));
}

/** A number for a cell: −0.52, 12.3, −140; 0 only where it is. */
export function cellText(x) {
  const size = Math.abs(x);
  if (x === 0) return "0";
  const text = size.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
  return x < 0 && Number(text) ? `−${text}` : text;
}

/** Names of the groups of n rows or columns: "3", or "3–5" where they are pooled. */
export function groupNames(n, side) {
  let first = 1;
  return groupSizes(n, side).map((size) => {
    const name = size > 1 ? `${first}–${first + size - 1}` : String(first);
    first += size;
    return name;
  });
}

/** Replace the picture of a renderer; arrays of the page's kind are made by the one it holds. */
export function setImage(figure, name, columns, shape, extent) {
  const kind = sourceOf(figure, name).data.image[0].constructor;
  const held = (values) => [values instanceof Float64Array ? new kind(values, shape) : values];
  const images = Object.entries(columns).map(([column, values]) => [column, held(values)]);
  setColumns(figure, name, { ...Object.fromEntries(images), ...extent });
}

export class HeatView {
  constructor(figure) {
    this.figure = figure;
  }

  /** Draw a matrix d × k from the means over its groups of rows and columns; at once if it is drawn. */
  show(means, { d, k, side, top }, { ink, card }) {
    const seen = [means, top, ink, this.figure.inner_width];
    if (this.seen?.every((value, i) => value === seen[i])) return;
    this.seen = seen;
    if (this.shape !== `${d} × ${k}`) this.fit(d, k, side);
    const extent = { x: [0.5], y: [0.5], w: [k], h: [d] };
    setImage(this.figure, "cells", { image: means, row: this.row, column: this.column }, this.size, extent);
    const mapper = this.figure.renderers.find((renderer) => renderer.name === "cells").glyph.color_mapper;
    mapper.setv({ low: -top, high: top }, QUIET);
    const colour = (value) => (Math.abs(value) < STRONG * top ? ink : card);
    setColumns(this.figure, "numbers", this.numbers(means, d, k, colour));
  }

  fit(d, k, side) {
    const [rows, columns] = [groupNames(d, side), groupNames(k, side)];
    this.shape = `${d} × ${k}`;
    this.size = [rows.length, columns.length];
    this.row = rows.map((name) => columns.map(() => name));
    this.column = rows.map(() => columns);
  }

  /** Columns of the numbers in the cells, where each cell is an entry and wide enough. */
  numbers(means, d, k, colour) {
    const wide = this.size[0] === d && this.size[1] === k && (this.figure.inner_width ?? 0) / k >= NARROWEST;
    const cells = wide ? Array.from(means) : [];
    return {
      x: cells.map((_, i) => (i % k) + 1),
      y: cells.map((_, i) => Math.floor(i / k) + 1),
      text: cells.map(cellText),
      colour: cells.map(colour),
    };
  }
}

/** The bar of colours from −top over 0 to top. */
export function showScale(figure, top) {
  if (figure.x_range.end === top) return;
  figure.x_range.setv({ start: -top, end: top }, QUIET);
  figure.below[0].ticker.setv({ ticks: [-top, -top / 2, 0, top / 2, top] }, QUIET);
  const { data } = sourceOf(figure, "scale");
  setColumns(figure, "scale", { ...data, x: [-top], w: [2 * top] });
}
