import { columnsOf, measuredSize, nameFigure, QUIET, setColumns } from "../shared/figures.mjs";
import { formatBytes } from "../shared/numbers.mjs";
import { totalBytes } from "./state.mjs";
import { memoryLabels, memoryName, memoryRows, partLabels } from "./words.mjs";

const MEMORY_BARS = { full: [60, 82], lora: [4, 26] }; // bottom and top of each, of 0 … 100
const PART_GLYPH = 7; // px, width of a letter in the name of a part
const UNITS = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
  [1, "bytes"],
];

/** The unit in which the larger of the two bars reads well. */
export function byteUnit(bytes) {
  return UNITS.find(([unit]) => bytes >= unit) ?? UNITS[UNITS.length - 1];
}

/** Rectangles of a stacked bar, part after part, in a unit of bytes. */
export function stacked(memory, unit, [bottom, top]) {
  let left = 0;
  return Object.entries(memory).map(([part, bytes]) => {
    const rectangle = { part, left, right: left + bytes / unit, top, bottom, size: formatBytes(bytes) };
    left = rectangle.right;
    return rectangle;
  });
}

/** Two stacked bars on one axis of bytes. */
export class MemoryView {
  constructor(figure) {
    this.figure = figure;
  }

  show(now) {
    const most = Math.max(totalBytes(now.full), totalBytes(now.lora));
    const [unit, name] = byteUnit(most);
    nameFigure(this.figure, memoryName(now));
    this.figure.x_range.setv({ start: 0, end: most / unit }, QUIET);
    this.figure.below[0].setv({ axis_label: `bytes while training, ${name}` }, QUIET);
    const bars = Object.entries(MEMORY_BARS).map(([kind, edges]) => stacked(now[kind], unit, edges));
    this.drawParts(bars.flat(), memoryRows(now));
    this.drawNames(bars[0], partLabels(now), most / unit);
    const labels = Object.entries(memoryLabels(now)).map(([kind, text]) => ({
      x: 0,
      y: MEMORY_BARS[kind][1] + 3,
      text,
    }));
    setColumns(this.figure, "labels", columnsOf(labels, "x", "y", "text"));
  }

  drawParts(bars, names) {
    for (const part of Object.keys(names)) {
      const mine = bars.filter((rectangle) => rectangle.part === part && rectangle.right > rectangle.left);
      setColumns(
        this.figure,
        part,
        columnsOf(
          mine.map((rectangle) => ({ ...rectangle, name: names[part] })),
          "left",
          "right",
          "top",
          "bottom",
          "name",
          "size",
        ),
      );
    }
  }

  /** The parts of the upper bar by name, where there is room. */
  drawNames(bar, names, end) {
    const pixels = measuredSize(this.figure).width / end;
    const fits = ({ part, left, right }) => names[part].length * PART_GLYPH <= (right - left) * pixels;
    const shown = bar
      .filter(fits)
      .map(({ part, left, bottom }) => ({ x: left, y: bottom - 2, text: names[part] }));
    setColumns(this.figure, "parts", columnsOf(shown, "x", "y", "text"));
  }
}
