import { along, exactRanks } from "./arithmetic.mjs";
import { formatRank, formatSignificant } from "./format.mjs";
import { Spring } from "./spring.mjs";
import { curveName, quantityText } from "./wording.mjs";

const QUIET = { sync: false };

/** Residual against rank in a Bokeh figure: the curve, the marker and the dashed cursor. */
export class CurveView {
  constructor(figure) {
    this.figure = figure;
    this.rank = null;
    this.morph = null;
  }

  source(name) {
    return this.figure.renderers.find((renderer) => renderer.name === name).data_source;
  }

  annotation(name) {
    return this.figure.center.find((model) => model.name === name);
  }

  show(now, { transition }) {
    const { curve, metric, rank } = now;
    this.figure.setv({ html_attributes: { role: "figure", "aria-label": curveName(now) } }, QUIET);
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
    const { rank, ticks, break_even: breakEven } = this.curve;
    const end = rank[rank.length - 1];
    const margin = Math.max((end - 1) * 0.015, 0.25);
    this.figure.x_range.setv({ start: 1 - margin, end: end + margin }, QUIET);
    for (const model of [...this.figure.below, ...this.figure.center]) {
      if (model.type === "LinearAxis" || (model.type === "Grid" && model.dimension === 0)) {
        model.ticker?.setv({ ticks }, QUIET);
      }
    }
    const costly = breakEven < end;
    this.annotation("past-break-even").setv({ left: Math.max(breakEven, 1 - margin), visible: costly }, QUIET);
  }

  drawCurve(t) {
    const to = this.curve[this.metric];
    this.values = Array.from(to, (y, i) => this.from[i] + t * (y - this.from[i]));
    this.drawKnown();
    const top = Math.max(...this.values) || 1;
    this.figure.y_range.setv({ start: -0.03 * top, end: 1.1 * top }, QUIET);
    this.drawBreakEven(top);
    if (this.rank) this.drawMarker(this.rank.state.x);
  }

  /** A line where values are known, a band between the bounds past them. */
  drawKnown() {
    const { curve, metric, values } = this;
    const known = exactRanks(curve, metric);
    const { rank, frobenius, spectral, captured } = curve;
    const columns = { rank, residual: values, frobenius, spectral, captured };
    const data = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice(0, known)]));
    this.source("curve").setv({ data }, QUIET);
    const from = known < rank.length ? Math.max(known - 1, 0) : rank.length;
    const low = curve.low ? curve.low[metric] : values;
    this.source("band").setv({ data: { rank: rank.slice(from), low: low.slice(from), high: values.slice(from) } }, QUIET);
  }

  drawBreakEven(top) {
    const { break_even: x, rank } = this.curve;
    const end = rank[rank.length - 1];
    const shown = x < end ? [x] : [];
    const late = x - 1 > 0.6 * (end - 1) && end > 1;
    this.source("break-even").setv({
      data: {
        x: shown,
        y: shown.map(() => 1.08 * top),
        text: shown.map(() => ` break-even r = ${formatRank(x)} `),
        align: shown.map(() => (late ? "right" : "left")),
      },
    }, QUIET);
  }

  /** The residual where the marker rests; between ranks, on the move, where it is on the line. */
  markerText(rank, y) {
    return Number.isInteger(rank) ? quantityText(this.curve, this.metric, rank) : formatSignificant(y);
  }

  drawMarker(rank) {
    const y = along(this.values, rank);
    const count = this.values.length;
    const left = count > 1 && (rank - 1) / (count - 1) > 0.8;
    this.source("marker").setv({
      data: { rank: [rank], residual: [y], text: [this.markerText(rank, y)], align: [left ? "right" : "left"], shift: [left ? -6 : 9] },
    }, QUIET);
    this.annotation("cursor").setv({ location: rank }, QUIET);
  }
}
