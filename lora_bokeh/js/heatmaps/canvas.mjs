import { channels } from "../shared/colours.mjs";
import { h } from "../shared/dom.mjs";
import { measuredSize } from "../shared/figures.mjs";

// Pictures seen through a Bokeh figure, on canvases of our own that lie under its frame. Where a
// picture is Bokeh's, all of its figure is painted anew with it, axes measured and texts set.

/** The colours of a palette as pixels of a canvas. */
export function pixelsOf(palette) {
  return new Uint32Array(Uint8Array.from(palette.flatMap((colour) => [...channels(colour), 255])).buffer);
}

/** One picture: its canvas, and the pixels in it. */
class Sheet {
  constructor([rows, columns]) {
    this.element = h("canvas", { width: columns, height: rows });
    this.context = this.element.getContext("2d", { alpha: false });
    this.image = this.context.createImageData(columns, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  holds([rows, columns]) {
    return this.image.height === rows && this.image.width === columns;
  }

  /** Values from −peak to peak in the colours of a palette. */
  paint(values, peak, colours) {
    const last = colours.length - 1;
    const steps = colours.length / (2 * peak);
    for (let i = 0; i < values.length; i++) {
      this.pixels[i] = colours[Math.min(Math.max(Math.floor((values[i] + peak) * steps), 0), last)];
    }
    this.context.putImageData(this.image, 0, 0);
  }

  /** Lie where Bokeh would draw the picture, in per cent of the frame. */
  place({ x, y, w, h: height }, { x_range, y_range }) {
    const [across, down] = [x_range.end - x_range.start, y_range.start - y_range.end];
    const css = {
      left: (x - x_range.start) / across,
      top: (y - y_range.end) / down,
      width: w / across,
      height: height / down,
    };
    for (const [side, share] of Object.entries(css)) this.element.style[side] = `${100 * share}%`;
  }
}

/** The pictures under one figure: a matrix, and perhaps a region of it seen closer. */
export class Underlay {
  constructor(figure) {
    this.figure = figure;
    this.element = h("div", { class: "under", "aria-hidden": "true" });
    this.sheets = [];
    this.places = [];
  }

  /** Draw pictures, each of a shape, at their places: {x, y, w, h} in the figure's coordinates. */
  draw(pictures, places, peak, colours) {
    if (
      pictures.length !== this.sheets.length ||
      !pictures.every(({ shape }, i) => this.sheets[i].holds(shape))
    ) {
      this.sheets = pictures.map(({ shape }) => new Sheet(shape));
      this.element.replaceChildren(...this.sheets.map((sheet) => sheet.element));
    }
    for (const [i, picture] of pictures.entries()) this.sheets[i].paint(picture, peak, colours);
    if (places === this.places) return;
    this.places = places;
    this.fit();
  }

  /** Follow the figure's frame and ranges. */
  fit() {
    const { width, height } = measuredSize(this.figure);
    if (!width) return;
    const frame = {
      left: measuredSize(this.figure, "outer").width - this.figure.min_border_right - width,
      width,
      height,
    };
    for (const [side, length] of Object.entries(frame)) this.element.style[side] = `${length}px`;
    for (const [i, sheet] of this.sheets.entries()) sheet.place(this.places[i], this.figure);
  }
}
