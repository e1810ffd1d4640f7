import { setColumns } from "./bokeh.mjs";
import { h, setText } from "./dom.mjs";
import { partAt, spotText } from "./look.mjs";
import { clamp } from "./arithmetic.mjs";

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const UNSET = "Point at a cell, or move there with the arrow keys.";

/** Outlines of entry (row, column), and of row and column of B and A that make it up. */
function boxesOf(row, column, rank) {
  const entry = { x: column, y: row, w: 1, h: 1 };
  const middle = (rank + 1) / 2;
  const factors = rank ? { "map-b": { x: middle, y: row, w: rank, h: 1 }, "map-a": { x: column, y: middle, w: 1, h: rank } } : {};
  return { "map-w": entry, "map-r": entry, "map-error": entry, ...factors };
}

/** The entry that a person looks at: outlined in all heat maps, and put into words. */
export class Spot {
  constructor(figures) {
    this.figures = figures;
    this.at = null; // row and column, counted from 1
    this.drawn = "{}";
    this.element = h("p", { class: "spot", "aria-live": "polite" });
  }

  /** Look at an entry, or at none where there is none. */
  put(row, column, now, parts, symbol) {
    const inside = row >= 1 && row <= now.d && column >= 1 && column <= now.k;
    this.at = inside ? [row, column] : null;
    this.show(now, parts, symbol);
  }

  /** Where an arrow key leads, from here or from the middle of what is seen. */
  next(key, middle, { d, k }) {
    const [down, across] = ARROWS[key] ?? [];
    if (down === undefined) return null;
    const [row, column] = this.at ?? middle;
    return [clamp(row + down, 1, d), clamp(column + across, 1, k)];
  }

  show(now, parts, symbol) {
    const rank = Math.min(now.rank, parts[0].left.shape[0]);
    const [row, column] = this.at ?? [];
    this.draw(this.at ? boxesOf(row, column, rank) : {});
    setText(this.element, this.at ? spotText(partAt(parts, row - 1, column - 1), row - 1, column - 1, rank, symbol) : UNSET);
  }

  /** Outline boxes, where they are not outlined already: a figure is not painted for nothing. */
  draw(boxes) {
    const key = JSON.stringify(boxes);
    if (key === this.drawn) return;
    this.drawn = key;
    for (const [name, figure] of Object.entries(this.figures)) {
      const some = boxes[name] ? [boxes[name]] : [];
      setColumns(figure, "spot", Object.fromEntries(["x", "y", "w", "h"].map((key) => [key, some.map((box) => box[key])])));
    }
  }
}
