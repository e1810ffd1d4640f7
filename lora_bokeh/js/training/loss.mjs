import { columnsOf, measuredSize, nameFigure, QUIET, setColumns } from "../shared/figures.mjs";
import { formatSignificant } from "../shared/numbers.mjs";
import { shownAt } from "./state.mjs";
import { lossName } from "./words.mjs";

const SMALLEST = 1e-16; // of the first loss: past float64's digits, and zero has no logarithm
const AT_LEAST = 1e-3; // of the first loss: what an axis without a floor shows anyhow
const NARROW = 460; // px: below this the floor is named in few words

/** Steps 1, 2 or 5 times a power of ten apart, about `count` of them between two numbers. */
export function evenTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((m) => m * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from(
    { length: Math.max(0, Math.floor(high / step) - first + 1) },
    (_, i) => (first + i) * step,
  );
}

/** Ticks of a logarithmic axis: at most eight, even ones where it is short. */
export function logTicks(low, high) {
  if (high < 3 * low) return evenTicks(low, high, 5);
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const stride = Math.ceil((last - first) / 7);
  const decades = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const ticks = (digits) =>
    decades.flatMap((e) => digits.map((m) => m * 10 ** e)).filter((y) => y >= low && y <= high);
  const few = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]].map(ticks).find((set) => set.length <= 8);
  return (
    few ??
    decades
      .filter((e) => (e - last) % stride === 0)
      .map((e) => 10 ** e)
      .filter((y) => y >= low && y <= high)
  );
}

/** Ends of the loss axis: room for the whole run above, and below `low` for what nothing reaches. */
export function lossRange(run) {
  const known = run.loss.filter(Number.isFinite);
  const least = SMALLEST * run.first || SMALLEST;
  const reachable = run.floor > least;
  const low = reachable ? run.floor : Math.max(Math.min(...known, AT_LEAST * run.first), least);
  const high = Math.max(...known, 1.02 * low);
  const at = (share) => low * (high / low) ** share;
  return {
    low,
    start: at(-0.22),
    end: at(1.14),
    ticks: logTicks(at(-0.16), at(1.08)),
    note: at(-0.11),
    reachable,
  };
}

/** Loss against the step in a Bokeh figure: the curve, the marker, the floor, earlier runs. */
export class LossView {
  constructor(figure) {
    this.figure = figure;
  }

  show(state, run) {
    const shown = run && shownAt(run, state.playhead);
    nameFigure(this.figure, lossName(state, run, shown));
    if (!run) return this.clear();
    const range = lossRange(run);
    this.drawFrame(state, range);
    this.drawFloor(state, run, range);
    setColumns(this.figure, "earlier", columnsOf(state.earlier, "x", "y", "label"));
    const upTo = (column) => column.slice(0, shown.index + 1);
    const loss = run.loss.map((y) => Math.max(y, range.low));
    setColumns(this.figure, "curve", { step: upTo(run.kept), loss: upTo(loss), above: upTo(run.above) });
    this.drawMarker(state, shown, loss[shown.index]);
  }

  clear() {
    const empty = { step: [], loss: [] };
    setColumns(this.figure, "curve", { ...empty, above: [] });
    setColumns(this.figure, "marker", { ...empty, text: [], align: [], shift: [] });
  }

  drawFrame({ steps }, { start, end, ticks }) {
    this.figure.x_range.setv({ start: -0.015 * steps, end: 1.015 * steps }, QUIET);
    this.figure.y_range.setv({ start, end }, QUIET);
    this.figure.below[0].ticker.setv({ ticks: evenTicks(0, steps, 5) }, QUIET);
    this.figure.left[0].ticker.setv({ ticks }, QUIET);
  }

  /** The line of the floor, and below it the room that nothing reaches. */
  drawFloor({ rank, steps }, { floor }, { low, start, note, reachable }) {
    const [left, right] = [-0.015 * steps, 1.015 * steps];
    const wide = measuredSize(this.figure).width > NARROW;
    const reason = reachable ? "no B and A of this rank get below" : "which a logarithmic axis cannot show";
    const text = `floor of rank ${rank}: ${formatSignificant(floor)}${wide ? `, ${reason}` : ""}`;
    const line = { x0: left, x1: right, y: low };
    setColumns(this.figure, "below", { left: [left], right: [right], bottom: [start], top: [low] });
    setColumns(this.figure, "floor", columnsOf(reachable ? [line] : [], ...Object.keys(line)));
    setColumns(this.figure, "floor-note", { x: [steps], y: [note], text: [text], align: ["right"] });
  }

  drawMarker({ steps }, { step, loss, diverged }, y) {
    const right = step > 0.7 * steps;
    const text = diverged ? "diverged" : formatSignificant(loss);
    setColumns(this.figure, "marker", {
      step: [step],
      loss: [y],
      text: [text],
      align: [right ? "right" : "left"],
      shift: [right ? -4 : 8],
    });
  }
}
