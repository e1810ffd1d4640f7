import { applyColours } from "../shared/colours.mjs";
import { LossView } from "./loss.mjs";
import { runOf } from "./state.mjs";

// What each training of the page has drawn, keyed by its state.
const drawings = new WeakMap();

function drawingOf(state) {
  const known = drawings.get(state);
  if (known?.figure === state.loss) return known;
  const drawing = { figure: state.loss, view: new LossView(state.loss), paint: null };
  drawings.set(state, drawing);
  return drawing;
}

/** Bring the figure to the state. Called on each change. */
export default function redraw(_args, state) {
  const drawing = drawingOf(state);
  const paint = JSON.stringify(state.paint.colours);
  if (paint && paint !== drawing.paint) applyColours(state.loss, state.paint.colours);
  drawing.paint = paint;
  drawing.view.show(state, runOf(state));
}
