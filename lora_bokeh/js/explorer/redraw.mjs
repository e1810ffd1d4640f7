import { MapView } from "../adapter/map.mjs";
import { applyColours } from "../shared/colours.mjs";
import { situation } from "../shared/lora.mjs";
import { CurveView } from "./curve.mjs";
import { FactorsView } from "./factors.mjs";

// What each explorer of the page has drawn, keyed by its state: two explorers share nothing.
const drawn = new WeakMap();

function viewsOf(state) {
  const known = drawn.get(state);
  if (
    known?.factorsFigure === state.factors &&
    known?.curveFigure === state.curve &&
    known?.mapFigure === state.map
  )
    return known;
  const views = {
    factorsFigure: state.factors,
    curveFigure: state.curve,
    factors: state.factors && new FactorsView(state.factors),
    curve: state.curve && new CurveView(state.curve),
    map: state.map && new MapView(state.map),
    mapFigure: state.map,
    paint: null,
  };
  drawn.set(state, views);
  return views;
}

function paintColours(views, { paint, factors, curve, map, inside }) {
  if (!paint.colours || JSON.stringify(paint.colours) === views.paint) return;
  views.paint = JSON.stringify(paint.colours);
  for (const figure of [factors, curve, map, ...(inside ?? [])])
    if (figure) applyColours(figure, paint.colours);
}

/** Bring the figures to the state: rank, metric, target, shape, palette. Called on each change. */
export default function redraw(_args, state) {
  const views = viewsOf(state);
  const now = situation(state);
  paintColours(views, state);
  views.factors?.show(now, {
    texture: state.texture,
    showFull: state.show_full_matrix,
    transition: state.transition.factors,
  });
  views.map?.show(state);
  if (now.curve) views.curve?.show(now, { transition: state.transition.curve });
}
