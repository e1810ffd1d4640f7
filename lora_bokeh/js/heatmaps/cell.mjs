import { h, setText } from "../shared/dom.mjs";
import { setColumns } from "../shared/figures.mjs";
import { clamp } from "../shared/lora.mjs";
import { cellAt, partAt, spotText } from "./look.mjs";

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const UNSET = "Point at a cell, or move there with the arrow keys.";

const centreOf = ([first, last]) => (first + last) / 2 + 1;
const spanOf = ([first, last]) => last - first + 1;

/** Outlines of a cell, and of row and column of B and A that make it up. */
function boxesOf({ rows, columns }, rank) {
  const [x, w, y, h] = [
    centreOf(columns.entries),
    spanOf(columns.entries),
    centreOf(rows.entries),
    spanOf(rows.entries),
  ];
  const ranks = (rank + 1) / 2;
  const factors = rank ? { "map-b": { x: ranks, y, w: rank, h }, "map-a": { x, y: ranks, w, h: rank } } : {};
  return { "map-w": { x, y, w, h }, "map-r": { x, y, w, h }, "map-error": { x, y, w, h }, ...factors };
}

/** The first entry of the cell beside one, from 1: before it, after it, or the entry itself. */
function beside({ entries: [first, last] }, entry, step, size) {
  return clamp(step < 0 ? first : step > 0 ? last + 2 : entry, 1, size);
}

/** The cell that a person looks at: outlined in all heat maps, and put into words. */
export class Spot {
  constructor(figures) {
    this.figures = figures;
    this.at = null; // row and column, counted from 1
    this.drawn = "{}";
    this.element = h("p", { class: "spot", "aria-live": "polite" });
  }

  /** Look at the cell of an entry, or at none where there is none. */
  put(row, column, { d, k }) {
    const inside = row >= 1 && row <= d && column >= 1 && column <= k;
    this.at = inside ? [row, column] : null;
  }

  /** Where an arrow key leads: one cell, as they are shown, from here or from the middle of what is seen. */
  next(key, middle, { d, k }, parts) {
    const [down, across] = ARROWS[key] ?? [];
    if (down === undefined) return null;
    const [row, column] = this.at ?? middle;
    const { rows, columns } = cellAt(partAt(parts, row - 1, column - 1), row - 1, column - 1);
    return [beside(rows, row, down, d), beside(columns, column, across, k)];
  }

  say(parts, rank, symbol) {
    const [row, column] = this.at ?? [];
    setText(
      this.element,
      this.at ? spotText(partAt(parts, row - 1, column - 1), row - 1, column - 1, rank, symbol) : UNSET,
    );
  }

  /** Outline the cell where it is not outlined already: a figure is not painted for nothing. */
  outline(parts, rank) {
    const [row, column] = this.at ?? [];
    const boxes = this.at
      ? boxesOf(cellAt(partAt(parts, row - 1, column - 1), row - 1, column - 1), rank)
      : {};
    const key = JSON.stringify(boxes);
    if (key === this.drawn) return;
    this.drawn = key;
    for (const [name, figure] of Object.entries(this.figures)) {
      const some = boxes[name] ? [boxes[name]] : [];
      setColumns(
        figure,
        "spot",
        Object.fromEntries(["x", "y", "w", "h"].map((key) => [key, some.map((box) => box[key])])),
      );
    }
  }
}
