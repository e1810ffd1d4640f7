// The residual curve as the files that `lora-bokeh curve --format csv|json` writes.

const TABLE_COLUMNS = ["rank", "sigma", "frobenius_residual", "spectral_residual", "captured_energy"];

/** A number as Python writes it: the shortest digits that say it exactly, 1e-05, 2.0. */
export function pythonFloat(x) {
  const [digits, exponent] = x.toExponential().split("e");
  if (x !== 0 && (exponent < -4 || exponent >= 16))
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  return Number.isInteger(x) ? `${x}.0` : String(x);
}

/** One row for each rank whose values are known. */
export function curveRows(curve) {
  const { known, frobenius, spectral, captured, norms } = curve;
  return Array.from({ length: known }, (_, i) => [
    i + 1,
    i ? spectral[i - 1] : norms.sigma,
    frobenius[i],
    spectral[i],
    captured[i],
  ]);
}

const written = ([rank, ...values]) => [String(rank), ...values.map(pythonFloat)];

export function curveCsv(curve) {
  const lines = [TABLE_COLUMNS, ...curveRows(curve).map(written)].map((row) => row.join(","));
  return `${lines.join("\n")}\n`;
}

/** Numbers are written by hand, so that they have the digits of the command's. */
export function curveJson(curve) {
  const [d, k] = curve.shape;
  const pairs = (entries) =>
    `{${entries.map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(", ")}}`;
  const ranks = curveRows(curve).map((row) => pairs(written(row).map((text, i) => [TABLE_COLUMNS[i], text])));
  const whole = pairs([
    ["source", JSON.stringify(curve.name)],
    ["tensor", "null"],
    ["shape", `[${d}, ${k}]`],
    ["dtype", JSON.stringify(curve.dtype)],
    ["scale", pythonFloat(curve.scale)],
    ["frobenius_norm", pythonFloat(curve.norms.frobenius)],
    ["complete", String(curve.known === Math.min(d, k))],
    ["ranks", `[${ranks.join(", ")}]`],
  ]);
  return `${whole}\n`;
}

/** The files of a curve's numbers, by the ending of their names. */
export function curveTables(curve) {
  return {
    csv: { type: "text/csv", text: () => curveCsv(curve()) },
    json: { type: "application/json", text: () => curveJson(curve()) },
  };
}
