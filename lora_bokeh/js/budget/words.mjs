import { formatBytes, formatCount, formatExact, formatPercent, formatRank } from "../shared/numbers.mjs";
import { totalBytes } from "./state.mjs";

// Every sentence and readout of a parameter budget. Pure: a situation in, text out.

export const OPTIMIZERS = { adam: "Adam", sgd: "SGD with momentum" };

/** A share that may be tiny: to one decimal, below 1 % to three digits. */
export function formatShare(x) {
  return Math.abs(x) >= 0.01 || x === 0 ? formatPercent(x) : `${Number((100 * x).toPrecision(3))} %`;
}

/** What is saved, or that it is more. */
export function savedText(savings) {
  return savings < 0 ? `${formatPercent(-savings)} more` : `${formatPercent(savings)} saved`;
}

const namesOf = (modules) => modules.map((module) => module.name).join(", ");

/** A state by name, for a bookmark. */
export function budgetTitle({ model, modules, rank }) {
  return `${model.name}, rank ${rank} on ${namesOf(modules)}`;
}

/** What a saved picture says around the figure, and the parts of its file name. */
export function budgetPicture(now, kind, heading) {
  return { parts: [now.model.name, "rank", now.rank, kind], title: [heading, budgetTitle(now)] };
}

/** The live region: said once per settled change. */
export function budgetSummary(now) {
  const { model, modules, rank, trainable, savings } = now;
  return (
    `Rank ${rank} on ${namesOf(modules)} of ${model.name}: ${formatExact(trainable)} parameters trained, ` +
    `${formatShare(now.share)} of all; ${savedText(savings)} against training these matrices whole. ` +
    `Training holds ${formatBytes(totalBytes(now.lora))}, of the whole model ${formatBytes(totalBytes(now.full))}.`
  );
}

/** Slider value for assistive technology. */
export function budgetValueText({ rank, end, trainable }) {
  return `rank ${rank} of ${end}, ${formatExact(trainable)} parameters`;
}

/** Name of the figure of parameters. */
export function parametersName({ model, rank, trainable, whole }) {
  return (
    `Parameters to scale: ${model.name} has ${formatExact(model.parameters)}, the matrices adapted ` +
    `${formatExact(whole)}, LoRA of rank ${rank} trains ${formatExact(trainable)}.`
  );
}

/** Name of the figure of bytes. */
export function memoryName({ lora, full }) {
  return `Bytes while training, to scale: whole model ${formatBytes(totalBytes(full))}, LoRA ${formatBytes(totalBytes(lora))}.`;
}

/** Parts of the bytes by a short name, to stand under them. */
export function partLabels({ optimizer }) {
  return {
    frozen: "frozen",
    weights: "weights",
    gradients: "gradients",
    moments: OPTIMIZERS[optimizer],
    copy: "float32 copy",
  };
}

/** Labels of the two bars of bytes; what LoRA adds to the frozen weights may be too thin to be seen. */
export function memoryLabels({ rank, lora, full }) {
  const trained = formatBytes(totalBytes(lora) - lora.frozen);
  return {
    full: `training the whole model: ${formatBytes(totalBytes(full))}`,
    lora: `LoRA of rank ${rank}: ${formatBytes(lora.frozen)} frozen + ${trained} trained`,
  };
}

/** Labels of the three bars of parameters, and of LoRA's modules. */
export function barLabels({ model, rank, trainable, whole }) {
  return {
    model: `${model.name}: ${formatCount(model.parameters)} parameters`,
    matrices: `the matrices adapted: ${formatCount(whole)}, ${formatPercent(whole / model.parameters)} of the model`,
    lora: `LoRA of rank ${rank}: ${formatCount(trainable)}, ${formatShare(trainable / whole)} of these matrices`,
    modules: "LoRA by module",
  };
}

/** The readout panel, row by row. */
export function budgetReadout(now) {
  const exact = (n) => `exactly ${formatExact(n)} parameters`;
  return [
    {
      label: "Trained",
      math: "r·Σ(in + out)",
      value: formatCount(now.trainable),
      exact: exact(now.trainable),
      lead: true,
    },
    {
      label: "Share of all",
      value: formatShare(now.share),
      exact: `${formatExact(now.trainable)} of ${formatExact(now.model.parameters + now.trainable)}`,
    },
    {
      label: "These matrices",
      math: "Σ in·out",
      value: formatCount(now.whole),
      exact: exact(now.whole),
      rule: true,
    },
    {
      label: "Savings",
      value: formatPercent(now.savings),
      exact: `1 − ${formatExact(now.trainable)}/${formatExact(now.whole)}`,
    },
    { label: "Break-even rank", value: formatRank(now.breakEven), exact: String(now.breakEven) },
    {
      label: "Adapter file",
      value: formatBytes(now.fileBytes),
      exact: `${formatExact(now.fileBytes)} bytes`,
      rule: true,
    },
    {
      label: "Training, LoRA",
      value: formatBytes(totalBytes(now.lora)),
      exact: `${formatExact(totalBytes(now.lora))} bytes`,
    },
    {
      label: "Training, whole model",
      value: formatBytes(totalBytes(now.full)),
      exact: `${formatExact(totalBytes(now.full))} bytes`,
    },
  ];
}

/** One sentence under the readout where a number needs a warning. */
export function budgetCaution({ savings, rank, modules }) {
  if (savings < 0) return "Past break-even: LoRA trains more parameters than these matrices hold.";
  const smaller = modules.filter((module) =>
    module.shapes.some(([, input, output]) => rank > Math.min(input, output)),
  );
  if (!smaller.length) return "";
  const which = smaller.length > 2 ? `${smaller.length} of the modules` : namesOf(smaller);
  return `Rank ${rank} is more than ${which} can have: the excess buys nothing.`;
}

/** Rows of the table of bytes: key, what it is. */
export function memoryRows({ dtype, optimizer }) {
  return {
    frozen: `frozen weights, ${dtype}`,
    weights: `trained weights, ${dtype}`,
    gradients: `gradients, ${dtype}`,
    moments: `${OPTIMIZERS[optimizer]}, float32`,
    copy: "copy of trained weights, float32",
  };
}
