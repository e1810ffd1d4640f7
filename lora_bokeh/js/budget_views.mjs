import { loraCount, totalBytes, wholeCount } from "./budget_arithmetic.mjs";
import { layoutBudget } from "./budget_bars.mjs";
import { barLabels, memoryLabels, memoryName, memoryRows, parametersName, partLabels } from "./budget_words.mjs";
import { QUIET, columnsOf, nameFigure, setColumns } from "./bokeh.mjs";
import { formatBytes } from "./format.mjs";
import { Spring } from "./spring.mjs";

const EDGES = ["left", "right", "top", "bottom"];
const THIN = "* 3 px wide, to be seen: not to scale";

/** 256 → "× 256", 1 → "same scale". */
export function factorText(factor) {
  if (Math.abs(factor - 1) < 5e-4) return "same scale";
  return `× ${factor >= 100 ? Math.round(factor).toLocaleString("en-US") : Number(factor.toPrecision(3))}`;
}

/** Model, matrices and LoRA in a Bokeh figure, each bar to scale; LoRA follows the rank on a spring. */
export class ParametersView {
  constructor(figure) {
    this.figure = figure;
    this.spring = null;
  }

  show(now) {
    const same = this.now && this.now.model === now.model && this.now.modules.length === now.modules.length;
    this.now = now;
    nameFigure(this.figure, parametersName(now));
    this.spring ??= new Spring(now.rank, (rank) => this.draw(rank));
    this.spring.to(now.rank, same ? "smooth" : null);
  }

  draw(rank) {
    const { inner_width: width, inner_height: height } = this.figure;
    if (!width || !height) return;
    this.figure.x_range.setv({ start: 0, end: width }, QUIET);
    this.figure.y_range.setv({ start: height, end: 0 }, QUIET);
    const { model, modules, whole } = this.now;
    const parts = modules.map((module) => ({ ...module, count: loraCount([module], rank) }));
    const trainable = loraCount(modules, rank);
    const plan = layoutBudget({ width: width - 2, parameters: model.parameters, whole, trainable, parts });
    setColumns(this.figure, "lens", columnsOf(plan.lenses, "xs", "ys"));
    this.drawBars(plan);
    this.drawTexts(plan, width, height);
  }

  drawBars(plan) {
    const { model, modules, whole, trainable, rank } = this.now;
    const adapted = { name: "the matrices adapted", count: whole };
    const lora = { ...plan.lora, name: `LoRA of rank ${rank}`, count: trainable };
    const settled = plan.modules.map((segment, i) => ({ ...segment, count: loraCount([modules[i]], rank) }));
    const columns = [...EDGES, "name", "count"];
    setColumns(this.figure, "whole", columnsOf([{ ...plan.model, name: model.name, count: model.parameters }], ...columns));
    setColumns(this.figure, "part", columnsOf([{ ...plan.part, ...adapted }, { ...plan.matrices, ...adapted }], ...columns));
    setColumns(this.figure, "lora", columnsOf([lora, ...settled], ...columns));
  }

  drawTexts(plan, width, height) {
    const { tops, factors, modules } = plan;
    const texts = barLabels(this.now);
    if (plan.thin) texts.lora += " *";
    const labels = Object.entries(texts).map(([row, text]) => ({ x: 1, y: tops[row] - 4, text }));
    setColumns(this.figure, "labels", columnsOf(labels, "x", "y", "text"));
    const magnified = Object.entries(factors).map(([row, factor]) => ({ x: width - 2, y: tops[row] - 26, text: factorText(factor) }));
    setColumns(this.figure, "factors", columnsOf(magnified, "x", "y", "text"));
    const names = modules.map((part) => ({ x: (part.left + part.right) / 2, y: (part.top + part.bottom) / 2, text: part.text }));
    setColumns(this.figure, "modules", columnsOf(names, "x", "y", "text"));
    setColumns(this.figure, "note", columnsOf(plan.thin ? [{ x: 1, y: height - 6, text: THIN }] : [], "x", "y", "text"));
  }
}

const MEMORY_BARS = { full: [60, 82], lora: [4, 26] }; // bottom and top of each, of 0 … 100
const PART_GLYPH = 7; // px, width of a letter in the name of a part
const UNITS = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "bytes"]];

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
    const labels = Object.entries(memoryLabels(now)).map(([kind, text]) => ({ x: 0, y: MEMORY_BARS[kind][1] + 3, text }));
    setColumns(this.figure, "labels", columnsOf(labels, "x", "y", "text"));
  }

  drawParts(bars, names) {
    for (const part of Object.keys(names)) {
      const mine = bars.filter((rectangle) => rectangle.part === part && rectangle.right > rectangle.left);
      setColumns(this.figure, part, columnsOf(mine.map((rectangle) => ({ ...rectangle, name: names[part] })), ...EDGES, "name", "size"));
    }
  }

  /** The parts of the upper bar by name, where there is room. */
  drawNames(bar, names, end) {
    const pixels = (this.figure.inner_width ?? 0) / end;
    const fits = ({ part, left, right }) => names[part].length * PART_GLYPH <= (right - left) * pixels;
    const shown = bar.filter(fits).map(({ part, left, bottom }) => ({ x: left, y: bottom - 2, text: names[part] }));
    setColumns(this.figure, "parts", columnsOf(shown, "x", "y", "text"));
  }
}
