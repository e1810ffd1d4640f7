import { pythonFloat } from "../shared/table.mjs";
import { runOf } from "./state.mjs";

// A training as the file that `lora-bokeh train --format csv` writes, of the steps that are kept.

const STEP_COLUMNS = ["step", "loss", "improvement", "above_floor"];

/** A header and a line for each step kept; past a divergence there are no numbers. */
export function trainingCsv({ kept, loss, above, first }) {
  const written = (x) => (Number.isNaN(x) ? "" : pythonFloat(x));
  const rows = kept.map((step, i) => [
    step,
    ...[loss[i], first > 0 ? 1 - loss[i] / first : 0, above[i]].map(written),
  ]);
  return `${[STEP_COLUMNS, ...rows].map((row) => row.join(",")).join("\n")}\n`;
}

/** What can be saved of a training beside a picture. */
export function trainingTables(data) {
  return { csv: { type: "text/csv", text: () => trainingCsv(runOf(data)) } };
}
