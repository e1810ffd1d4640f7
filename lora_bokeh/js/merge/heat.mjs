import { cellText, MOST_CELLS, numberStyle, readsInCard } from "../shared/cells.mjs";
import { measuredSize, QUIET, setColumns, sourceOf } from "../shared/figures.mjs";
import { groupSizes } from "./means.mjs";

// Heat maps of matrices in Bokeh figures, all on one diverging scale centred at zero.

const AROUND = 4; // px that a cell is wider than its number
const LABEL = "value, the same colours in all three";

/** The least of 1, 1.5, 2, 3, 5, 7.5, 10, … that is at least x: a scale that seldom changes. */
export function niceCeiling(x) {
  if (!(x > 0 && x < Infinity)) return 1;
  const power = 10 ** Math.floor(Math.log10(x));
  return power * [1, 1.5, 2, 3, 5, 7.5, 10].find((step) => step * power >= x * (1 - 1e-12));
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

/** How numbers are written in the cells of a matrix d × k; null where it has too many of them. */
export function styleOf(figure, { d, k, top }) {
  return Math.max(d, k) > MOST_CELLS ? null : numberStyle(top, measuredSize(figure).width / k - AROUND);
}

/** Replace the picture of a figure; arrays of the page's kind are made by the one it holds. */
function setImage(figure, means, { row, column, size }, extent) {
  const kind = sourceOf(figure, "cells").data.image[0].constructor;
  setColumns(figure, "cells", { image: [new kind(means, size)], row: [row], column: [column], ...extent });
}

/** Columns of the numbers that `which` picks out. */
function numberColumns(means, k, style, which) {
  const cells = Array.from(means, (value, i) => ({ value, x: (i % k) + 1, y: Math.floor(i / k) + 1 })).filter(
    ({ value }) => which(value),
  );
  return {
    x: cells.map((cell) => cell.x),
    y: cells.map((cell) => cell.y),
    text: cells.map((cell) => cellText(cell.value, style)),
    size: cells.map(() => `${style.size}px`),
  };
}

export class HeatView {
  constructor(figure) {
    this.figure = figure;
  }

  /** Draw a matrix d × k from the means over its groups of rows and columns, unless it is drawn. */
  show(means, now) {
    const { d, k, top } = now;
    const mapper = this.figure.renderers.find((renderer) => renderer.name === "cells").glyph.color_mapper;
    const seen = [means, top, measuredSize(this.figure).width, mapper.palette[0]];
    if (this.seen?.every((value, i) => value === seen[i])) return;
    this.seen = seen;
    this.groups ??= this.fit(now);
    setImage(this.figure, means, this.groups, { x: [0.5], y: [0.5], w: [k], h: [d] });
    mapper.setv({ low: -top, high: top }, QUIET);
    const style = styleOf(this.figure, now);
    const inCard = readsInCard(this.inks(), mapper.palette);
    const onColour = (value) => inCard(value / top);
    setColumns(
      this.figure,
      "numbers",
      numberColumns(style ? means : [], k, style, (value) => !onColour(value)),
    );
    setColumns(this.figure, "numbers-on-colour", numberColumns(style ? means : [], k, style, onColour));
  }

  /** What the numbers are written in. */
  inks() {
    const [ink, card] = ["numbers", "numbers-on-colour"].map(
      (name) => this.figure.renderers.find((renderer) => renderer.name === name).glyph.text_color.value,
    );
    return { ink, card };
  }

  /** Names of row and column for every cell. */
  fit({ d, k, side }) {
    const [rows, columns] = [groupNames(d, side), groupNames(k, side)];
    return {
      size: [rows.length, columns.length],
      row: rows.map((name) => columns.map(() => name)),
      column: rows.map(() => columns),
    };
  }
}

/** The bar of colours from −top over 0 to top; in a style, what the numbers are multiplied by. */
export function showScale(figure, top, style) {
  const [axis] = figure.below;
  axis.setv(
    {
      axis_label: style?.scale
        ? `${LABEL}; numbers in the cells × 1e${style.scale}`.replace("e-", "e−")
        : LABEL,
    },
    QUIET,
  );
  if (figure.x_range.end === top) return;
  figure.x_range.setv({ start: -top, end: top }, QUIET);
  axis.ticker.setv({ ticks: [-top, -top / 2, 0, top / 2, top] }, QUIET);
  setColumns(figure, "scale", { ...sourceOf(figure, "scale").data, x: [-top], w: [2 * top] });
}
