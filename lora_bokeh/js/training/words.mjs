import { formatExact, formatPercent, formatSignificant } from "../shared/numbers.mjs";

// Every sentence and readout of a training. Pure: a state in, text out.

export const LOSS_HEADING = "The loss against the floor of its rank";
export const OPTIMIZER_NAMES = [
  ["adam", "Adam"],
  ["sgd", "plain descent"],
];
export const START_NAMES = [
  ["lora", "B = 0, A random"],
  ["zeros", "B = 0, A = 0"],
  ["random", "both random"],
];

const NEAR = 1e-6; // of the first loss: as good as at the floor
const optimizerName = (optimizer) => OPTIMIZER_NAMES.find(([name]) => name === optimizer)[1];

/** A learning rate as it is written: "0.003". */
export function rateText(rate) {
  return String(Number(rate.toPrecision(4)));
}

/** Setting of a run in a few words, for the lines of earlier runs. */
export function runLabel({ rank, optimizer, learning_rate }) {
  return `rank ${rank}, ${optimizerName(optimizer)}, learning rate ${rateText(learning_rate)}`;
}

/** What a saved picture says around the figure, and the parts of its file name. */
export function lossPicture(state) {
  const parts = [state.target, "rank", state.rank, state.optimizer, rateText(state.learning_rate)];
  return {
    parts,
    title: [LOSS_HEADING, `${state.target}, ${runLabel(state)}`],
    yLabel: ["loss ‖W − s·BA‖² / mn", ""],
  };
}

/** The live region: said once the loss has come to rest. */
export function trainingSummary(state, run, shown) {
  if (!run) return `Rank ${state.rank}: not trained in this file.`;
  const floor = `The floor of rank ${state.rank} is ${formatSignificant(run.floor)}`;
  if (shown.diverged) return `Diverged at step ${run.diverged}: the learning rate is too high. ${floor}.`;
  const gone = shown.step ? `, ${formatPercent(shown.improvement)} below the start` : "";
  return `Step ${formatExact(shown.step)} of ${formatExact(state.steps)}: loss ${formatSignificant(shown.loss)}${gone}. ${floor}.`;
}

/** Name of the figure: its axes, the run, and where the marker stands. */
export function lossName(state, run, shown) {
  const axes = `Loss, on a logarithmic axis, against step 0 to ${formatExact(state.steps)}, ${runLabel(state)}`;
  return run ? `${axes}. ${trainingSummary(state, run, shown)}` : `${axes}.`;
}

/** What there is to understand now, in one or two sentences. */
export function lessonOf(state, run, shown) {
  if (!run) return "This file holds no run at this setting; a page with Python behind it can train it.";
  const [B, A] = run.gradients;
  if (run.first > 0 && B === 0 && A === 0)
    return "Stuck: with B = 0 and A = 0 both gradients are zero, and no step moves anything.";
  if (shown.diverged)
    return `Diverged at step ${run.diverged}: the learning rate is too high, the loss went up without bound.`;
  if (shown.step && shown.above <= NEAR * run.first)
    return `At the floor: no B and A of rank ${state.rank} do better. Only a higher rank would.`;
  if (state.init === "lora") return "B = 0 makes ΔW = 0 and A’s gradient zero: at step one only B moves.";
  return "Both gradients are there at step one, but so is a ΔW that nobody trained.";
}

/** The readouts, row by row: see readoutRow in shared/panels.mjs. */
export function trainingReadout(state, run, shown) {
  const number = (x) => ({
    value: x === undefined ? "–" : formatSignificant(x),
    exact: x === undefined ? undefined : String(x),
  });
  const [B, A] = run?.gradients ?? [];
  const target = state.targets[state.target];
  const rows = [
    { label: "Loss", ...(shown?.diverged ? { value: "diverged" } : number(shown?.loss)), lead: true },
    { label: "Step", value: shown ? `${formatExact(shown.step)} of ${formatExact(state.steps)}` : "–" },
    { label: "Improvement", value: shown && !shown.diverged ? formatPercent(shown.improvement) : "–" },
    { label: `Floor of rank ${state.rank}`, ...number(target.floors[state.rank]), rule: true },
    { label: "Above the floor", ...number(shown?.diverged ? undefined : shown?.above) },
    { label: "At step one", math: "‖∂L/∂B‖", sub: "F", ...number(B), rule: true },
    { label: "At step one", math: "‖∂L/∂A‖", sub: "F", ...number(A) },
  ];
  if (state.optimizer === "sgd")
    rows.push({
      label: "Rate limit",
      math: "mn/(2sσ₁)",
      ...number(target.limits[state.rank - 1]),
      rule: true,
    });
  return rows;
}

/** A row of the table in words. */
export function stepCells({ step, loss, above, improvement, diverged }) {
  if (diverged) return [formatExact(step), "diverged", "–", "–"];
  if (loss === null) return [formatExact(step), "\u00a0", "\u00a0", "\u00a0"];
  return [
    formatExact(step),
    loss.toPrecision(6).replace("e-", "e−"),
    `${(100 * improvement).toFixed(2)} %`,
    formatSignificant(above),
  ];
}
