import { columnsOf, nameFigure, setColumns } from "./bokeh.mjs";
import { layoutBlocks } from "./geometry.mjs";
import { Spring } from "./spring.mjs";
import { factorsName } from "./wording.mjs";

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
    if (this.texture !== texture) this.placed = null;
    this.texture = texture;
    nameFigure(this.figure, factorsName(now));
    this.spring ??= new Spring(now.rank, (rank) => this.draw(rank));
    this.spring.to(now.rank, transition);
  }

  draw(rank) {
    const { inner_width: width, inner_height: height } = this.figure;
    if (!width || !height) return;
    const { d, k, end } = this.now;
    this.fitFrame(width, height);
    const { blocks, signs } = layoutBlocks({ width, height, d, k, rank, end, showFull: this.showFull });
    this.drawBlocks(blocks.map((block) => this.labelled(block)));
    setColumns(this.figure, "signs", columnsOf(signs, "x", "y", "text"));
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
    };
  }

  drawBlocks(blocks) {
    const [factors, full] = [blocks.filter((b) => b.name !== "ΔW"), blocks.filter((b) => b.name === "ΔW")];
    const shape = ["x", "y", "right", "bottom", "name", "dims", "count"];
    setColumns(this.figure, "factors", columnsOf(factors, ...shape));
    setColumns(this.figure, "full", columnsOf(full, ...shape));
    setColumns(this.figure, "factor-names", columnsOf(factors, "middle", "above", "name"));
    setColumns(this.figure, "full-name", columnsOf(full, "middle", "above", "name"));
    setColumns(this.figure, "dims", columnsOf(blocks, "middle", "below", "dims"));
    this.placeTexture(full);
  }

  /** The image is sent to the canvas only when its place or its pixels changed. */
  placeTexture(full) {
    const place = full.map((b) => [b.x, b.y, b.w, b.h].join()).join();
    if (place === this.placed) return;
    this.placed = place;
    setColumns(this.figure, "texture", { image: full.map(() => this.texture), ...columnsOf(full, "x", "y", "w", "h") });
  }
}
