// Numbers as a person reads them. Pure functions: numbers in, text out.

/** 4096 → "4.1K", 16777216 → "16.8M", 144 → "144". */
export function formatCount(n) {
  for (const [unit, letter] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ]) {
    if (Math.abs(n) >= unit) return (n / unit).toFixed(1) + letter;
  }
  return String(n);
}

/** 16777216 → "16,777,216". */
export function formatExact(n) {
  return n.toLocaleString("en-US");
}

/** A fraction as a percentage to one decimal: 0.75 → "75.0 %". */
export function formatPercent(x) {
  const text = (100 * x).toFixed(1);
  return `${text === "-0.0" ? "0.0" : text.replace("-", "−")} %`;
}

/** Bytes in decimal units, three digits: 797184 → "797 kB", 13476831232 → "13.5 GB". */
export function formatBytes(n) {
  for (const [unit, name] of [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ]) {
    if (n >= unit) return `${(n / unit).toFixed(n >= 100 * unit ? 0 : n >= 10 * unit ? 1 : 2)} ${name}`;
  }
  return `${n} bytes`;
}

/** Four significant digits: 4.5718 → "4.572"; very large and very small as 1.234e−7. */
export function formatSignificant(x) {
  if (x === 0) return "0";
  const exponent = Number(x.toExponential(3).split("e")[1]);
  if (exponent < -3 || exponent > 3) return x.toExponential(3).replaceAll("-", "−").replace("+", "");
  return x.toFixed(3 - exponent).replace("-", "−");
}

/** A rank that need not be whole: 192 → "192", 307.2 → "307.2". */
export function formatRank(r) {
  return String(Number(r.toFixed(1)));
}
