import { clamp } from "../shared/lora.mjs";

// What the page knows of a training. Every loss was computed in Python; here it is looked up.

const RUN_SETTING = ["target", "rank", "optimizer", "learning_rate", "init"];

/** The part of a grid, all runs of one target, that is one run: see training_grid.py. */
function fromGrid(grid, { init, optimizer, learning_rate, rank }, ranks) {
  const start = grid.inits.indexOf(init);
  const rate = grid.rates.indexOf(learning_rate);
  if (rate < 0) return null;
  const run =
    ((start * grid.optimizers.length + grid.optimizers.indexOf(optimizer)) * grid.rates.length + rate) *
      ranks +
    rank -
    1;
  const count = grid.kept.length;
  const gradient = 2 * (start * ranks + rank - 1);
  return {
    kept: grid.kept,
    above: Array.from({ length: count }, (_, i) => grid.above[run * count + i]),
    diverged: grid.diverged[run],
    gradients: [grid.gradients[gradient], grid.gradients[gradient + 1]],
    running: false,
  };
}

const isRunOf = (state, run) => RUN_SETTING.every((name) => run[name] === state[name]);

/** Whether Python's own run has to go on to come to its end. */
export function isUnfinished(state) {
  const { run, steps } = state;
  return !isRunOf(state, run) || !(run.diverged || run.kept[run.kept.length - 1] >= steps);
}

/** The run at the setting shown, as far as it is known; null if the page has none of it. */
export function runOf(state) {
  const { target, rank, steps, grids, targets, run } = state;
  const { floors } = targets[target];
  const grid = grids[target];
  const held =
    grid && steps <= grid.kept[grid.kept.length - 1] ? fromGrid(grid, state, floors.length - 1) : null;
  const found = held ?? (isRunOf(state, run) ? run : null);
  if (!found) return null;
  const kept = Array.from(found.kept).filter((step) => step <= steps);
  const above = Array.from(found.above).slice(0, kept.length);
  const floor = floors[rank];
  const loss = above.map((distance) => floor + distance);
  const diverged = found.diverged && found.diverged <= steps ? found.diverged : 0;
  return { ...found, kept, above, loss, floor, diverged, first: loss[0], known: kept[kept.length - 1] };
}

/** The last step of a run: where it diverged, or where it was to end. */
export function lastStep(run, steps) {
  return run.diverged ? Math.min(run.kept.find((step) => step >= run.diverged) ?? steps, steps) : steps;
}

/** How much of a run is shown up to a step: the last one kept that has a number. */
export function shownAt(run, playhead) {
  const past = run.kept.findIndex((step) => step > playhead);
  const end = (past < 0 ? run.kept.length : past) - 1;
  const bad = run.above.findIndex(Number.isNaN);
  const index = clamp(bad < 0 ? end : Math.min(end, bad - 1), 0, run.kept.length - 1);
  const [step, loss, above] = [run.kept[index], run.loss[index], run.above[index]];
  return { index, step, loss, above, improvement: improvement(run, loss), diverged: bad >= 0 && end >= bad };
}

/** Share of the first loss that is gone. */
function improvement({ first }, loss) {
  return first > 0 ? 1 - loss / first : 0;
}

/** The steps of the table: 0, each tenth, and the last, as in milestones.py. */
export function milestones(steps) {
  return [...new Set(Array.from({ length: 11 }, (_, i) => Math.floor((i * steps) / 10)))];
}

/** Rows of the table; what is not shown yet, or is no number, has null. */
export function stepRows(run, steps, playhead) {
  return milestones(steps).map((step) => {
    const i = run && step <= playhead ? run.kept.indexOf(step) : -1;
    if (i < 0 || Number.isNaN(run.above[i])) return { step, loss: null, diverged: i >= 0 };
    return {
      step,
      loss: run.loss[i],
      above: run.above[i],
      improvement: improvement(run, run.loss[i]),
      diverged: false,
    };
  });
}

/** The next step that is kept. */
export function nextStep(run, playhead) {
  return run.kept.find((step) => step > playhead) ?? run.known;
}
