import { applyColours } from "../shared/colours.mjs";
import { MemoryView } from "./memory.mjs";
import { budgetNow } from "./state.mjs";
import { ParametersView } from "./views.mjs";

// What each page has drawn, keyed by its state.
const drawn = new WeakMap();

function viewsOf(state) {
  const known = drawn.get(state);
  if (known?.parameters.figure === state.parameters && known.memory.figure === state.memory) return known;
  const views = {
    parameters: new ParametersView(state.parameters),
    memory: new MemoryView(state.memory),
    paint: null,
  };
  drawn.set(state, views);
  return views;
}

function paintColours(views, { colours }) {
  if (!colours || JSON.stringify(colours) === views.paint) return;
  views.paint = JSON.stringify(colours);
  for (const view of [views.parameters, views.memory]) applyColours(view.figure, colours);
}

/** Bring both figures to the state. Called on each change. */
export default function redrawBudget(_args, state) {
  const views = viewsOf(state);
  paintColours(views, state.paint);
  const now = budgetNow(state);
  views.parameters.show(now);
  views.memory.show(now);
}
