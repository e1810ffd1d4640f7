import { measuredSize, nameFigure, QUIET, setColumns, sourceOf } from "../shared/figures.mjs";

// The heat map layer × module: the rank that a plan keeps of each matrix, else the rank it needs.

const SHOWN_NEED = 1; // of a row's needs: the rank for 95 % of the energy

/** What the map shows: its title, and a rank for each row, NaN where it is not known. */
export function mapRanks(rows, kept, planned) {
  if (planned) return { title: "Rank kept", ranks: rows.map((_, i) => kept[i] ?? NaN) };
  return { title: "Rank for 95 % of the energy", ranks: rows.map((row) => row.needs[SHOWN_NEED] ?? NaN) };
}

/** Columns of the cells: one for each matrix that has a place; text only where cells are wide. */
export function mapCells(rows, ranks, chosen, width, layers) {
  const placed = rows.map((row, i) => ({ ...row, shown: ranks[i] })).filter((row) => row.place);
  const wide = width / Math.max(layers, 1) >= 22;
  return {
    layer: placed.map((row) => row.place[0]),
    module: placed.map((row) => row.place[1]),
    name: placed.map((row) => row.name),
    rank: placed.map((row) => row.shown),
    stored: placed.map((row) => row.rank ?? Math.min(...row.shape)),
    text: placed.map((row) => (wide && Number.isFinite(row.shown) ? String(row.shown) : "")),
    outline: placed.map((row) => (row.name === chosen ? 3 : wide ? 0.5 : 0)),
  };
}

export class MapView {
  constructor(figure) {
    this.figure = figure;
  }

  show({ index, kept, target, plans }) {
    const { title, ranks } = mapRanks(index, kept, Boolean(plans.ways));
    const layers = this.figure.x_range.end - this.figure.x_range.start;
    const data = mapCells(index, ranks, target, measuredSize(this.figure).width, layers);
    setColumns(this.figure, "cells", data);
    const known = data.rank.filter(Number.isFinite);
    const [low, high] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
    const count =
      known.length < data.rank.length ? `${known.length} of ${data.rank.length}` : data.rank.length;
    nameFigure(this.figure, `${title} by layer and module: from ${low} to ${high}, ${count} matrices.`);
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
