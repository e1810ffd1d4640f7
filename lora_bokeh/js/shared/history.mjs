// Undo and redo as a value: {past, present, future}, of states that are compared by `same`.

const MOST_STEPS = 200;

export const startHistory = (present) => ({ past: [], present, future: [] });

/** One settled change; what was undone before is given up. */
export function recordStep(steps, state, same) {
  if (same(state, steps.present)) return steps;
  return { past: [...steps.past, steps.present].slice(-MOST_STEPS), present: state, future: [] };
}

export function undoStep(steps) {
  const { past, present, future } = steps;
  if (!past.length) return steps;
  return { past: past.slice(0, -1), present: past[past.length - 1], future: [present, ...future] };
}

export function redoStep(steps) {
  const { past, present, future } = steps;
  if (!future.length) return steps;
  return { past: [...past, present], present: future[0], future: future.slice(1) };
}
