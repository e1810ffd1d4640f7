import { layoutBlocks } from "./geometry.mjs";
import { Spring } from "./spring.mjs";
import { factorsName } from "./wording.mjs";

const NOTE = "* 3 px thick, to be seen: not to scale";

/** Columns of one ColumnDataSource from a list of rows. */
const columns = (rows, ...names) => Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));

/** ΔW = B · A in a Bokeh figure. ΔW stands still; B and A follow the rank on a spring. */
export class FactorsView {
  constructor(figure) {
    this.figure = figure;
    this.spring = null;
  }

  source(name) {
    return this.figure.renderers.find((renderer) => renderer.name === name).data_source;
  }

  set(name, data) {
    this.source(name).setv({ data }, { sync: false });
  }

  show(now, { texture, showFull, transition }) {
    this.now = now;
    this.showFull = showFull;
    if (this.texture !== texture) this.placed = null;
    this.texture = texture;
    const quiet = { sync: false };
    this.figure.setv({ html_attributes: { role: "figure", "aria-label": factorsName(now) } }, quiet);
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
    this.set("signs", columns(signs, "x", "y", "text"));
    const note = blocks.some((block) => block.thin) ? [NOTE] : [];
    this.set("note", { x: note.map(() => 2), y: note.map(() => height - 6), text: note });
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
    this.set("factors", columns(factors, ...shape));
    this.set("full", columns(full, ...shape));
    this.set("factor-names", columns(factors, "middle", "above", "name"));
    this.set("full-name", columns(full, "middle", "above", "name"));
    this.set("dims", columns(blocks, "middle", "below", "dims"));
    this.placeTexture(full);
  }

  /** The image is sent to the canvas only when its place or its pixels changed. */
  placeTexture(full) {
    const place = full.map((b) => [b.x, b.y, b.w, b.h].join()).join();
    if (place === this.placed) return;
    this.placed = place;
    this.set("texture", { image: full.map(() => this.texture), ...columns(full, "x", "y", "w", "h") });
  }
}
