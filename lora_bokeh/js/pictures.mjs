import { QUIET, nameFigure, setColumns } from "./bokeh.mjs";
import { MOST_CELLS, cellText, readsInCard, styleIn } from "./cells.mjs";
import { formatSignificant } from "./format.mjs";
import { Rebuilt, columnsPicture, meansOf, peakOf, rowsPicture, shaped, sizesOf } from "./pooled.mjs";


/** One part of the matrix, the whole or a region of it seen closer, with its W_r kept up to date. */
function layerOf(part) {
  const [top, bottom, left, right] = part.region;
  const place = { x: left + 0.5, y: top + 0.5, w: right - left, h: bottom - top };
  return { part, place, means: meansOf(part), rebuilt: new Rebuilt(part), ...sizesOf(part) };
}

/** The five pictures of a layer at a rank. */
function picturesOf(layer, rank) {
  const { part, means, rebuilt, p, q } = layer;
  const kept = rebuilt.to(rank);
  const error = new Float32Array(p * q);
  for (let i = 0; i < error.length; i++) error[i] = means[i] - kept[i];
  return {
    "map-w": shaped(means, p, q),
    "map-r": shaped(new Float32Array(kept), p, q),
    "map-error": shaped(error, p, q),
    "map-b": columnsPicture(part, rank),
    "map-a": rowsPicture(part, rank),
  };
}

/** Where a picture lies: B and A have the ranks on one axis. */
function placeOf(name, { x, y, w, h }, rank) {
  if (name === "map-b") return { x: 0.5, y, w: rank, h };
  return name === "map-a" ? { x, y: 0.5, w, h: rank } : { x, y, w, h };
}

/** The heat maps of W, W_r, the error, B and A in five Bokeh figures. */
export class InsideView {
  constructor(figures) {
    this.figures = Object.fromEntries(figures.map((figure) => [figure.name, figure]));
    this.layers = [];
  }

  show(now, closer, symbol) {
    const held = now.curve?.inside;
    if (!held) return;
    const part = closer?.name === now.curve.name ? closer : null;
    const changed = held !== this.held || part !== this.part;
    if (changed) this.change(held, part);
    const rank = Math.min(now.rank, this.layers[0].known);
    if (!changed && rank === this.rank) return this.drawNumbers(now);
    this.rank = rank;
    this.draw(now, symbol, changed);
  }

  /** Another target, more of its terms, or a region of it seen closer. */
  change(held, part) {
    Object.assign(this, { held, part });
    this.layers = [held, part].filter(Boolean).map(layerOf);
    const { means, part: finest } = this.layers.at(-1);
    const scales = { "map-w": peakOf(means), "map-b": peakOf(finest.left, finest.right) };
    for (const [name, high] of Object.entries(scales)) this.mapper(name).setv({ low: -high, high }, QUIET);
    this.scales = scales;
  }

  mapper(name) {
    return this.figures[name].renderers.find((renderer) => renderer.name === "image").glyph.color_mapper;
  }

  draw(now, symbol, changed) {
    const { rank } = this;
    const end = Math.max(rank, 1) + 0.5;
    this.figures["map-b"].x_range.setv({ start: 0.5, end }, QUIET);
    this.figures["map-a"].y_range.setv({ start: end, end: 0.5 }, QUIET);
    this.pictures = this.layers.map((layer) => picturesOf(layer, rank));
    for (const [name, figure] of Object.entries(this.figures)) {
      if (name === "map-w" && !changed) continue;
      const places = this.layers.map(({ place }) => placeOf(name, place, rank));
      const image = this.pictures.map((picture) => picture[name]);
      const drawn = rank || !["map-b", "map-a"].includes(name);
      const column = (key) => (drawn ? places.map((place) => place[key]) : []);
      setColumns(figure, "image", { image: drawn ? image : [], x: column("x"), y: column("y"), w: column("w"), h: column("h") });
    }
    this.nameFigures(now, symbol);
    this.numbered = null;
    this.drawNumbers(now);
  }

  nameFigures({ d, k }, symbol) {
    const { rank } = this;
    const { part } = this.layers[0];
    const [pictures] = this.pictures;
    const extent = (name) => `up to ${formatSignificant(peakOf(pictures[name]) * part.unit)} in size`;
    const pooled = sizesOf(part).p < d || sizesOf(part).q < k ? ", means over blocks" : "";
    nameFigure(this.figures["map-w"], `Heat map of ${symbol}, ${d} × ${k}${pooled}: entries ${extent("map-w")}.`);
    nameFigure(this.figures["map-r"], `Heat map of B·A at rank ${rank}${pooled}: entries ${extent("map-r")}.`);
    nameFigure(this.figures["map-error"], `Heat map of the error ${symbol} − B·A at rank ${rank}${pooled}: entries ${extent("map-error")}.`);
    nameFigure(this.figures["map-b"], `Heat map of B, ${d} × ${rank}.`);
    nameFigure(this.figures["map-a"], `Heat map of A, ${rank} × ${k}.`);
  }

  /** Numbers in the cells of a small matrix, anew where the rank or the room has changed. */
  drawNumbers({ d, k }) {
    const widths = Object.values(this.figures).map((figure) => figure.inner_width);
    const key = [this.rank, this.mapper("map-w").palette[0], ...widths].join();
    if (key === this.numbered || !widths.every(Boolean)) return;
    this.numbered = key;
    const small = Math.max(d, k) <= MOST_CELLS;
    if (!small && !this.small) return; // there are none, and there were none
    this.small = small;
    const inCard = small && readsInCard(this.figures["map-w"], this.mapper("map-w").palette);
    for (const [name, figure] of Object.entries(this.figures)) {
      const cells = small ? this.cellsOf(name, figure, inCard) : [];
      for (const [renderer, dark] of [["numbers", false], ["numbers-on-colour", true]]) {
        const some = cells.filter((cell) => cell.dark === dark);
        setColumns(figure, renderer, Object.fromEntries(["x", "y", "text", "size"].map((key) => [key, some.map((cell) => cell[key])])));
      }
    }
  }

  cellsOf(name, figure, inCard) {
    const image = this.pictures[0][name];
    const columns = image.shape[1];
    const factor = name === "map-b" || name === "map-a";
    const { unit } = this.held;
    const peak = factor ? this.scales["map-b"] * Math.sqrt(unit) : this.scales["map-w"] * unit;
    const style = styleIn(figure, image.shape, peak);
    if (!style) return [];
    return Array.from(image, (held, i) => {
      const value = held * (factor ? Math.sqrt(unit) : unit);
      const dark = inCard(value / peak);
      return { x: 1 + (i % columns), y: 1 + Math.floor(i / columns), text: cellText(value, style), size: `${style.size}px`, dark };
    });
  }
}
