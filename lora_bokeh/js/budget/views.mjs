import { columnsOf, measuredSize, nameFigure, QUIET, setColumns } from "../shared/figures.mjs";
import { Spring } from "../shared/spring.mjs";
import { layoutBudget } from "./bars.mjs";
import { loraCount } from "./state.mjs";
import { barLabels, parametersName } from "./words.mjs";

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
    this.now = now;
    nameFigure(this.figure, parametersName(now));
    this.spring ??= new Spring(now.rank, (rank) => this.draw(rank));
    this.spring.to(now.rank, "smooth");
  }

  draw(rank) {
    const { width, height } = measuredSize(this.figure);
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
    setColumns(
      this.figure,
      "whole",
      columnsOf([{ ...plan.model, name: model.name, count: model.parameters }], ...columns),
    );
    setColumns(
      this.figure,
      "part",
      columnsOf(
        [
          { ...plan.part, ...adapted },
          { ...plan.matrices, ...adapted },
        ],
        ...columns,
      ),
    );
    setColumns(this.figure, "lora", columnsOf([lora, ...settled], ...columns));
  }

  drawTexts(plan, width, height) {
    const { tops, thin, factors, modules } = plan;
    const texts = barLabels(this.now);
    const labels = Object.entries(texts).map(([row, text]) => ({
      x: 1,
      y: tops[row] - 4,
      text: thin.includes(row) ? `${text} *` : text,
    }));
    setColumns(this.figure, "labels", columnsOf(labels, "x", "y", "text"));
    const magnified = Object.entries(factors).map(([row, factor]) => ({
      x: width - 2,
      y: tops[row] - 26,
      text: factorText(factor),
    }));
    setColumns(this.figure, "factors", columnsOf(magnified, "x", "y", "text"));
    const names = modules.map((part) => ({
      x: (part.left + part.right) / 2,
      y: (part.top + part.bottom) / 2,
      text: part.text,
    }));
    setColumns(this.figure, "modules", columnsOf(names, "x", "y", "text"));
    setColumns(
      this.figure,
      "note",
      columnsOf(thin.length ? [{ x: 1, y: height - 6, text: THIN }] : [], "x", "y", "text"),
    );
  }
}
