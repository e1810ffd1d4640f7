import { applyColours } from "../shared/colours.mjs";
import { nameFigure, QUIET, setColumns } from "../shared/figures.mjs";
import { applied, forwardPass, greatest, plus } from "./algebra.mjs";
import { HeatView, niceCeiling, showScale, styleOf } from "./heat.mjs";
import { pooled, pooledUpdate } from "./means.mjs";
import { mergeSituation, SIDE } from "./state.mjs";
import { BARS, barsName, MAPS, mapName } from "./words.mjs";

const SHOWN = ["rank", "alpha", "use_rslora", "adapter", "adapters", "input"]; // what the figures follow

// What each view of the page has drawn, keyed by its state: two views share nothing.
const drawnOf = new WeakMap();

function viewOf(state) {
  if (!drawnOf.has(state)) {
    const [d, k] = state.shape;
    drawnOf.set(state, {
      heats: state.maps.slice(0, 3).map((map) => new HeatView(map)),
      W: pooled(state.frozen, d, k, SIDE),
      vectors: {},
    });
  }
  return drawnOf.get(state);
}

/** Compute the pictures and the vectors of a state, unless it is the last one. */
function follow(view, state) {
  const shown = SHOWN.map((name) => state[name]);
  if (view.shown?.every((value, i) => value === shown[i])) return;
  const now = mergeSituation(state);
  if (view.input !== state.input)
    Object.assign(view, { input: state.input, base: applied(now.W, now.x, now.d, now.k) });
  const update = pooledUpdate(now, SIDE);
  Object.assign(view, {
    shown,
    now,
    pictures: [view.W, update, plus(view.W, update)],
    pass: forwardPass(now, view.base),
  });
}

function drawMaps({ heats, pictures, now }, state) {
  const top = niceCeiling(Math.max(...pictures.map(greatest)));
  heats.forEach((heat, i) => {
    heat.show(pictures[i], { ...now, side: SIDE, top });
    nameFigure(state.maps[i], mapName(MAPS[i], now, top));
  });
  showScale(state.maps[3], top, styleOf(state.maps[0], { ...now, top }));
  nameFigure(state.maps[3], `Colour scale of all three, from −${top} over 0 to ${top}.`);
}

const same = (p, q) => p?.length === q.length && p.every((value, i) => value === q[i]);

/** Draw the vectors that changed; what stands still costs no paint. */
function drawBars(view, state) {
  const { now, base, pass } = view;
  const series = [[now.x], [base], [pass.update], [pass.unmerged, state.merged.h ?? []]];
  const top = niceCeiling(Math.max(...series.flat().map(greatest)));
  state.bars.forEach((figure, i) => {
    series[i].forEach((values, j) => {
      const name = j ? "merged" : "values";
      if (same(view.vectors[BARS[i] + name], values)) return;
      view.vectors[BARS[i] + name] = values;
      setColumns(figure, name, barColumns(values, series[i].length, j));
    });
    figure.x_range.setv({ start: -top, end: top }, QUIET);
    figure.below[0].ticker.setv({ ticks: [-top, 0, top] }, QUIET);
    nameFigure(figure, barsName(BARS[i], series[i][0].length, top));
  });
}

/** Bars of one of `all` series, side by side within each row. */
function barColumns(values, all, which) {
  const entry = Array.from(values, (_, i) => i + 1);
  const height = 0.76 / all;
  const y = entry.map((i) => i + (which - (all - 1) / 2) * height);
  return { entry, y, value: Array.from(values), height: entry.map(() => 0.9 * height) };
}

/** Bring all figures to the state: weights, update, input, palette. Called on each change. */
export default function redraw(_args, state) {
  const view = viewOf(state);
  const colours = JSON.stringify(state.paint.colours ?? null);
  if (state.paint.colours && colours !== view.colours) {
    view.colours = colours;
    for (const figure of [...state.maps, ...state.bars]) applyColours(figure, state.paint.colours);
  }
  follow(view, state);
  drawMaps(view, state);
  drawBars(view, state);
}
