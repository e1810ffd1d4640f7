import { columnsPicture, meansOf, peakOf, rowsPicture, shaped } from "../heatmaps/blocks.mjs";
import { columnsOf, measuredSize, nameFigure, QUIET, setColumns } from "../shared/figures.mjs";
import { Spring } from "../shared/spring.mjs";
import { layoutBlocks } from "./geometry.mjs";
import { factorsName } from "./words.mjs";

const SEEN = 8; // px: a thinner block keeps to the accent colour
const NOTE = "* 3 px thick, to be seen: not to scale";

/** ΔW = B · A in a Bokeh figure. ΔW stands still; B and A follow the rank on a spring. */
export class FactorsView {
  constructor(figure) {
    this.figure = figure;
    this.spring = null;
  }

  show(now, { texture, showFull, transition }) {
    this.now = now;
    this.showFull = showFull;
    if (this.held !== now.curve?.inside || !this.texture) this.look(now.curve?.inside, texture);
    nameFigure(this.figure, factorsName(now));
    this.spring ??= new Spring(now.rank, (rank) => this.draw(rank));
    this.spring.to(now.rank, transition);
  }

  /** The picture of ΔW, and its peak: the held means, or levels where only the shape is known. */
  look(held, texture) {
    this.held = held;
    this.texture = held ? shaped(meansOf(held), held.left.shape[1], held.right.shape[1]) : texture;
    this.placed = null;
    const high = held ? peakOf(this.texture) : 127;
    this.mapper("texture").setv({ low: -high, high }, QUIET);
    if (held) {
      const peak = peakOf(held.left, held.right);
      this.mapper("pictures").setv({ low: -peak, high: peak }, QUIET);
    }
  }

  mapper(name) {
    return this.figure.renderers.find((renderer) => renderer.name === name).glyph.color_mapper;
  }

  draw(rank) {
    const { width, height } = measuredSize(this.figure);
    if (!width || !height) return;
    const { d, k, end } = this.now;
    this.fitFrame(width, height);
    const { blocks, signs } = layoutBlocks({ width, height, d, k, rank, end, showFull: this.showFull });
    const labelled = blocks.map((block) => this.labelled(block));
    this.drawBlocks(labelled);
    this.drawWords(labelled, signs);
    const note = blocks.some((block) => block.thin) ? [NOTE] : [];
    setColumns(this.figure, "note", { x: note.map(() => 2), y: note.map(() => height - 6), text: note });
  }

  fitFrame(width, height) {
    this.figure.x_range.setv({ start: 0, end: width }, { sync: false });
    this.figure.y_range.setv({ start: height, end: 0 }, { sync: false });
  }

  /** A block with its texts; dimensions and counts are those of the settled rank. */
  labelled(block) {
    const { d, k, rank } = this.now;
    const [rows, cols] = { ΔW: [d, k], B: [d, rank], A: [rank, k] }[block.name];
    const mark = block.thin ? "*" : "";
    return {
      ...block,
      rows,
      columns: cols,
      right: block.x + block.w,
      bottom: block.y + block.h,
      middle: block.x + block.w / 2,
      above: block.y - 8,
      below: block.y + block.h + 7,
      dims: `${rows} × ${cols}${mark}`,
      count: rows * cols,
      fill: this.holdsPicture(block) ? 0 : 1,
    };
  }

  /** Whether what is in a block is known, and the block wide enough for it to be seen. */
  holdsPicture(block) {
    return block.name !== "ΔW" && Math.min(block.w, block.h) >= SEEN && Boolean(this.held?.left.shape[0]);
  }

  drawBlocks(blocks) {
    const [factors, full] = [blocks.filter((b) => b.name !== "ΔW"), blocks.filter((b) => b.name === "ΔW")];
    const shape = ["x", "y", "right", "bottom", "name", "dims", "count", "fill"];
    setColumns(this.figure, "factors", columnsOf(factors, ...shape));
    setColumns(this.figure, "full", columnsOf(full, ...shape));
    setColumns(this.figure, "factor-names", columnsOf(factors, "middle", "above", "name"));
    setColumns(this.figure, "full-name", columnsOf(full, "middle", "above", "name"));
    this.placeTexture(full);
    this.placePictures(factors.filter((block) => this.holdsPicture(block)));
  }

  drawWords(blocks, signs) {
    const dims = blocks.map(({ middle, below, dims }) => ({
      x: middle,
      y: below,
      text: dims,
      size: "12.5px",
      baseline: "top",
    }));
    const words = [...dims, ...signs.map((sign) => ({ ...sign, size: "22px", baseline: "middle" }))];
    setColumns(this.figure, "dims-and-signs", columnsOf(words, "x", "y", "text", "size", "baseline"));
  }

  /** The image is sent to the canvas only when its place or its pixels changed. */
  placeTexture(full) {
    const place = full.map((b) => [b.x, b.y, b.w, b.h].join()).join();
    if (place === this.placed) return;
    this.placed = place;
    setColumns(this.figure, "texture", {
      image: full.map(() => this.texture),
      ...columnsOf(full, "x", "y", "w", "h"),
    });
  }

  /** What is in B and A. */
  placePictures(factors) {
    const rank = Math.min(this.now.rank, this.held?.left.shape[0] ?? 0);
    const image = factors.map(({ name }) =>
      name === "B" ? columnsPicture(this.held, rank) : rowsPicture(this.held, rank),
    );
    setColumns(this.figure, "pictures", { image, ...columnsOf(factors, "x", "y", "w", "h") });
  }
}
