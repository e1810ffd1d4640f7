import { QUIET, nameFigure, setColumns, sourceOf } from "./bokeh.mjs";

// The heat map layer × module of the rank each matrix keeps, in a Bokeh figure.

/** Columns of the cells: one for each matrix that has a place; text only where cells are wide. */
export function mapCells(rows, kept, chosen, width, layers) {
  const placed = rows.map((row, i) => ({ ...row, kept: kept[i] })).filter((row) => row.place);
  const wide = width / Math.max(layers, 1) >= 22;
  return {
    layer: placed.map((row) => row.place[0]),
    module: placed.map((row) => row.place[1]),
    name: placed.map((row) => row.name),
    kept: placed.map((row) => row.kept),
    stored: placed.map((row) => row.rank ?? Math.min(...row.shape)),
    text: placed.map((row) => (wide ? String(row.kept ?? "") : "")),
    outline: placed.map((row) => (row.name === chosen ? 3 : 0.5)),
  };
}

export class MapView {
  constructor(figure) {
    this.figure = figure;
  }

  show(rows, kept, chosen) {
    const layers = this.figure.x_range.end - this.figure.x_range.start;
    const data = mapCells(rows, kept, chosen, this.figure.inner_width ?? 0, layers);
    setColumns(this.figure, "cells", data);
    const ranks = data.kept.filter(Number.isFinite);
    const [low, high] = ranks.length ? [Math.min(...ranks), Math.max(...ranks)] : [0, 1];
    const label = `Rank kept by layer and module: from ${low} to ${high}, ${data.name.length} matrices.`;
    nameFigure(this.figure, label);
    const mapper = this.figure.renderers.find((r) => r.name === "cells").glyph.fill_color.transform;
    mapper.setv({ low: 0, high: Math.max(high, 1) }, QUIET);
  }
}

/** The matrix under a point of the map, or null. */
export function matrixAt({ x, y }, figure) {
  const cells = sourceOf(figure, "cells").data;
  const module = figure.y_range.factors[Math.floor(y)];
  const i = cells.layer.findIndex((layer, j) => layer === Math.round(x) && cells.module[j] === module);
  return i < 0 ? null : cells.name[i];
}
