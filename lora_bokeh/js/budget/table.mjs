import { pythonFloat } from "../shared/table.mjs";

// A parameter budget as the file that `lora-bokeh budget --format csv` writes.

const BUDGET_COLUMNS = [
  "module",
  "role",
  "in",
  "out",
  "matrices",
  "whole",
  "trainable",
  "savings",
  "break_even_rank",
];

function budgetRow({ name, role }, [matrices, input, output], rank) {
  const [whole, lora] = [input * output, rank * (input + output)];
  const counts = [input, output, matrices, matrices * whole, matrices * lora];
  return [name, role, ...counts, pythonFloat(1 - lora / whole), pythonFloat(whole / (input + output))];
}

/** A header and a line for each size of each module. */
export function budgetCsv({ modules, rank }) {
  const rows = modules.flatMap((module) => module.shapes.map((shape) => budgetRow(module, shape, rank)));
  return `${[BUDGET_COLUMNS, ...rows].map((row) => row.join(",")).join("\n")}\n`;
}

/** What can be saved of the parameters beside a picture. */
export function budgetTables(now) {
  return { csv: { type: "text/csv", text: () => budgetCsv(now()) } };
}
