import { columnsOf, nameFigure, QUIET, setColumns } from "../shared/figures.mjs";
import { along, exactRanks } from "../shared/lora.mjs";
import { formatRank, formatSignificant } from "../shared/numbers.mjs";
import { Spring } from "../shared/spring.mjs";
import { drawFloor } from "./floor.mjs";
import { curveName, quantityText } from "./words.mjs";

/** Residual against rank in a Bokeh figure: the curve, the marker and the dashed cursor. */
export class CurveView {
  constructor(figure) {
    this.figure = figure;
    this.rank = null;
    this.morph = null;
  }

  show(now, { transition }) {
    const { curve, metric, rank } = now;
    nameFigure(this.figure, curveName(now));
    if (curve !== this.curve || metric !== this.metric) this.change(curve, metric, transition);
    this.rank ??= new Spring(rank, (shown) => this.drawMarker(shown));
    this.rank.to(rank, transition);
  }

  /** A new target is drawn at once; a new metric on the same target morphs from the old curve. */
  change(curve, metric, transition) {
    const sameTarget = curve === this.curve && this.values;
    this.from = sameTarget ? this.values : curve[metric];
    Object.assign(this, { curve, metric });
    if (!sameTarget) this.drawFrame();
    this.morph?.jump(1);
    this.morph = new Spring(0, (t) => this.drawCurve(t));
    this.morph.to(1, sameTarget && transition ? "smooth" : null);
  }

  drawFrame() {
    const { rank, ticks } = this.curve;
    const end = rank[rank.length - 1];
    const margin = Math.max((end - 1) * 0.015, 0.25);
    this.figure.x_range.setv({ start: 1 - margin, end: end + margin }, QUIET);
    this.figure.below[0].ticker.setv({ ticks }, QUIET);
  }

  drawCurve(t) {
    const to = this.curve[this.metric];
    this.values = Array.from(to, (y, i) => this.from[i] + t * (y - this.from[i]));
    this.drawKnown();
    this.floor = this.curve.floor?.[this.metric];
    const top = Math.max(...this.values, this.floor ?? 0) || 1;
    this.figure.y_range.setv({ start: -0.03 * top, end: 1.1 * top }, QUIET);
    // Within the frame by a hair: a pixel painted past it would outlive the next repaint.
    this.bottom = -0.026 * top;
    this.top = 1.095 * top;
    this.drawBreakEven();
    if (this.rank) this.drawMarker(this.rank.state.x);
  }

  /** A line where values are known, a band between the bounds past them. */
  drawKnown() {
    const { curve, metric, values } = this;
    const known = exactRanks(curve, metric);
    const { rank, frobenius, spectral, captured } = curve;
    const columns = { rank, residual: values, frobenius, spectral, captured };
    const data = Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, column.slice(0, known)]),
    );
    setColumns(this.figure, "curve", data);
    const from = known < rank.length ? Math.max(known - 1, 0) : rank.length;
    const low = curve.low ? curve.low[metric] : values;
    setColumns(this.figure, "band", {
      rank: rank.slice(from),
      low: low.slice(from),
      high: values.slice(from),
    });
  }

  /** From the break-even rank on the frame is shaded, if the axis goes that far. */
  drawBreakEven() {
    const { break_even: x, rank } = this.curve;
    const end = rank[rank.length - 1];
    const late = x - 1 > 0.5 * (end - 1) && end > 1;
    const shade = { left: x, right: this.figure.x_range.end, bottom: this.bottom, top: this.top };
    const label = {
      x,
      y: 0.985 * this.top,
      text: ` break-even r = ${formatRank(x)} `,
      align: late ? "right" : "left",
    };
    this.breakEven = x < end ? [label] : [];
    setColumns(this.figure, "past-break-even", columnsOf(x < end ? [shade] : [], ...Object.keys(shade)));
    setColumns(this.figure, "break-even", columnsOf(this.breakEven, ...Object.keys(label)));
  }

  /** The residual where the marker rests; between ranks, on the move, where it is on the line. */
  markerText(rank, y) {
    return Number.isInteger(rank) ? quantityText(this.curve, this.metric, rank) : formatSignificant(y);
  }

  /** On its way from another target the marker may come from past the end of this one. */
  drawMarker(on) {
    const count = this.values.length;
    const rank = Math.min(on, count);
    const y = along(this.values, rank);
    const left = count > 1 && (rank - 1) / (count - 1) > 0.8;
    const label = { x: rank, y, text: this.markerText(rank, y), align: left ? "right" : "left" };
    setColumns(this.figure, "marker", {
      rank: [rank],
      residual: [y],
      text: [label.text],
      align: [label.align],
      shift: [left ? -6 : 9],
    });
    setColumns(this.figure, "cursor", { rank: [rank], low: [this.bottom], high: [this.top] });
    this.drawFloor(label);
  }

  /** The rounding floor; its name avoids the texts at the marker and at the break-even. */
  drawFloor(marker) {
    const { start: left, end: right } = this.figure.x_range;
    const frame = { left, right, low: this.bottom, high: this.top };
    const curve = { high: this.values, low: this.curve.low?.[this.metric] };
    const texts = [
      { ...marker, down: -9, up: 27 },
      ...this.breakEven.map((each) => ({ ...each, down: -18, up: 0 })),
    ];
    drawFloor(this.figure, this.floor, curve, frame, texts);
  }
}
