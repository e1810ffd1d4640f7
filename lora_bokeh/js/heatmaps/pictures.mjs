import { cellText, MOST_CELLS, readsInCard, styleIn } from "../shared/cells.mjs";
import { divergingPalette } from "../shared/colours.mjs";
import { measuredSize, nameFigure, QUIET, setColumns, sourceOf } from "../shared/figures.mjs";
import { formatSignificant } from "../shared/numbers.mjs";
import { columnsPicture, meansOf, peakOf, Rebuilt, rowsPicture, shaped, sizesOf } from "./blocks.mjs";
import { pixelsOf, Underlay } from "./canvas.mjs";

export const PRODUCTS = { "map-w": "means", "map-r": "kept", "map-error": "error" };
export const FACTORS = { "map-b": columnsPicture, "map-a": rowsPicture };

/** One part of the matrix, the whole or a region of it seen closer: W, W_r and the error. */
class Layer {
  constructor(part) {
    const [top, bottom, left, right] = part.region;
    const { p, q } = sizesOf(part);
    this.part = part;
    this.place = { x: left + 0.5, y: top + 0.5, w: right - left, h: bottom - top };
    this.rebuilt = new Rebuilt(part);
    this.means = shaped(meansOf(part), p, q);
    this.kept = shaped(new Float32Array(p * q), p, q);
    this.error = shaped(new Float32Array(p * q), p, q);
  }

  to(rank) {
    const image = this.rebuilt.to(rank);
    for (let i = 0; i < image.length; i++) {
      this.kept[i] = image[i];
      this.error[i] = this.means[i] - image[i];
    }
  }
}

/** Where a factor lies: with the ranks on one axis. */
function factorPlace(name, { x, y, w, h }, rank) {
  return name === "map-b" ? { x: 0.5, y, w: rank, h } : { x, y: 0.5, w, h: rank };
}

/** The pictures' renderer, which draws nothing on the page: it is for the pictures that are saved. */
export function showImage(figure) {
  figure.renderers.find((renderer) => renderer.name === "image").setv({ visible: true }, QUIET);
}

/** The heat maps of W, W_r, the error, B and A: pictures under five Bokeh figures. */
export class InsideView {
  constructor(figures) {
    this.figures = Object.fromEntries(figures.map((figure) => [figure.name, figure]));
    this.unders = Object.fromEntries(figures.map((figure) => [figure.name, new Underlay(figure)]));
    this.numbered = {};
  }

  /** The pictures under a figure, as an element. */
  under({ name }) {
    return this.unders[name].element;
  }

  /** The pictures lie where the figures show them. */
  fit() {
    for (const under of Object.values(this.unders)) under.fit();
  }

  /** Bring W, W_r and the error to the rank; say whether more than the rank has changed. */
  show(now, parts, rank, colours) {
    const changed =
      parts.length !== this.parts?.length ||
      parts.some((part, i) => part !== this.parts[i]) ||
      JSON.stringify(colours) !== JSON.stringify(this.colours);
    if (changed) this.change(parts, colours);
    if (changed || rank !== this.rank) {
      this.rank = rank;
      for (const layer of this.layers) layer.to(rank);
      for (const name of Object.keys(PRODUCTS)) if (changed || name !== "map-w") this.drawProduct(name);
    }
    for (const [name, picture] of Object.entries(PRODUCTS))
      this.drawNumbers(name, this.layers[0][picture], now);
    return changed;
  }

  /** Another target, more of its terms, a region of it seen closer, or other colours. */
  change(parts, colours) {
    Object.assign(this, { parts, colours });
    this.layers = parts.map((part) => new Layer(part));
    this.places = this.layers.map(({ place }) => place);
    const finest = this.layers.at(-1);
    this.peaks = [peakOf(finest.means), peakOf(finest.part.left, finest.part.right)];
    this.palette = divergingPalette(colours);
    this.pixels = pixelsOf(this.palette);
    for (const [name, picture] of Object.entries(PRODUCTS))
      this.offer(
        name,
        this.layers.map((layer) => layer[picture]),
        this.places,
      );
    const scales = { "map-w": this.peaks[0], "map-b": this.peaks[1] };
    for (const [name, high] of Object.entries(scales))
      this.image(name).glyph.color_mapper.setv({ low: -high, high }, QUIET);
  }

  image(name) {
    return this.figures[name].renderers.find((renderer) => renderer.name === "image");
  }

  /** The columns that saved pictures are drawn from; nothing on the page is, so nobody is told. */
  offer(name, image, places) {
    const column = (key) => places.map((place) => place[key]);
    const data = { image, x: column("x"), y: column("y"), w: column("w"), h: column("h") };
    sourceOf(this.figures[name], "image").setv({ data }, { silent: true });
  }

  drawProduct(name) {
    this.unders[name].draw(
      this.layers.map((layer) => layer[PRODUCTS[name]]),
      this.places,
      this.peaks[0],
      this.pixels,
    );
  }

  /** Bring B and A to the rank, which is on an axis of theirs. */
  drawFactors(now) {
    const { rank } = this;
    const end = Math.max(rank, 1) + 0.5;
    this.figures["map-b"].x_range.setv({ start: 0.5, end }, QUIET);
    this.figures["map-a"].y_range.setv({ start: end, end: 0.5 }, QUIET);
    for (const [name, pictureOf] of Object.entries(FACTORS)) {
      const layers = rank ? this.layers : [];
      const pictures = layers.map(({ part }) => pictureOf(part, rank));
      const places = layers.map(({ place }) => factorPlace(name, place, rank));
      this.offer(name, pictures, places);
      this.unders[name].draw(pictures, places, this.peaks[1], this.pixels);
      this.drawNumbers(name, pictures[0], now);
    }
  }

  nameFigures({ d, k }, symbol) {
    const { rank } = this;
    const { part, means, kept, error } = this.layers[0];
    const extent = (picture) => `up to ${formatSignificant(peakOf(picture) * part.unit)} in size`;
    const pooled = sizesOf(part).p < d || sizesOf(part).q < k ? ", means over blocks" : "";
    nameFigure(
      this.figures["map-w"],
      `Heat map of ${symbol}, ${d} × ${k}${pooled}: entries ${extent(means)}.`,
    );
    nameFigure(this.figures["map-r"], `Heat map of B·A at rank ${rank}${pooled}: entries ${extent(kept)}.`);
    nameFigure(
      this.figures["map-error"],
      `Heat map of the error ${symbol} − B·A at rank ${rank}${pooled}: entries ${extent(error)}.`,
    );
    nameFigure(this.figures["map-b"], `Heat map of B, ${d} × ${rank}.`);
    nameFigure(this.figures["map-a"], `Heat map of A, ${rank} × ${k}.`);
  }

  /** Numbers in the cells of a small matrix, anew where the rank, the room or the colours changed. */
  drawNumbers(name, image, { d, k }) {
    const figure = this.figures[name];
    const { width, height } = measuredSize(figure);
    const small = Math.max(d, k) <= MOST_CELLS && image && width;
    const key = small ? [this.rank, width, height, this.parts[0], this.colours] : [];
    const before = this.numbered[name] ?? [];
    if (key.length === before.length && key.every((each, i) => each === before[i])) return;
    this.numbered[name] = key;
    const cells = small ? this.cellsOf(name, figure, image) : [];
    for (const [renderer, dark] of [
      ["numbers", false],
      ["numbers-on-colour", true],
    ]) {
      const some = cells.filter((cell) => cell.dark === dark);
      setColumns(
        figure,
        renderer,
        Object.fromEntries(["x", "y", "text", "size"].map((each) => [each, some.map((cell) => cell[each])])),
      );
    }
  }

  cellsOf(name, figure, image) {
    const columns = image.shape[1];
    const { unit } = this.parts[0];
    const [peak, scale] = name in FACTORS ? [this.peaks[1], Math.sqrt(unit)] : [this.peaks[0], unit];
    const style = styleIn(figure, image.shape, peak * scale);
    if (!style) return [];
    const inCard = readsInCard(this.colours, this.palette);
    return Array.from(image, (held, i) => {
      const at = { x: 1 + (i % columns), y: 1 + Math.floor(i / columns) };
      return {
        ...at,
        text: cellText(held * scale, style),
        size: `${style.size}px`,
        dark: inCard(held / peak),
      };
    });
  }
}
