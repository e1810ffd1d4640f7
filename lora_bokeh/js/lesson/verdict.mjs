import { clamp, counts } from "../shared/lora.mjs";
import { formatExact, formatPercent, formatSignificant } from "../shared/numbers.mjs";

// Whether an answer of the lesson is right, and what to say to just that answer. Pure. The right
// answers were computed in Python; what follows from a wrong one is computed here.

const ROUNDING = 1e-9;

const subscript = (n) => String(n).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

/** What follows from a number given, by the question's kind of echo: words for its feedback. */
const ECHOES = {
  counts({ d, k }, rank) {
    const { lora, savings } = counts(d, k, rank);
    return { lora: formatExact(lora), savings: formatPercent(savings) };
  },
  energy({ energy }, rank) {
    return { energy: formatPercent(energy[clamp(Math.floor(rank), 0, energy.length - 1)]) };
  },
  values({ values }, rank) {
    const [kept, dropped] = [values[rank - 1], values[rank] ?? 0].map(formatSignificant);
    return { kept, dropped, last: `σ${subscript(rank)}`, next: `σ${subscript(rank + 1)}` };
  },
};

/** Put words in the places of a text that Python left open: "rank {given}". */
export function filled(text, words) {
  return text.replace(/\{(\w+)\}/g, (place, name) => words[name] ?? place);
}

/** Feedback to one number: a known mistake, too low, too high, or null where it is right. */
function numberFault(question, field, given) {
  const { answer, tolerance, mistakes, low, high } = question;
  const off = given - answer[field.key];
  if (Math.abs(off) <= tolerance + ROUNDING) return null;
  const near = Math.max(tolerance, 0.005 * Math.abs(given)) + ROUNDING;
  const known = mistakes.find(
    (mistake) => mistake.field === field.key && Math.abs(mistake.value - given) <= near,
  );
  return known?.why ?? (off < 0 ? low : high);
}

function numberWords({ echo, data }, field, given) {
  const start = data.start?.[field.key];
  return {
    given: String(given).replace("-", "−"),
    field: field.label,
    start,
    ...(echo ? ECHOES[echo](data, given) : {}),
  };
}

/** The first fault among the fields decides what is said. */
function judgeNumbers(question, given) {
  for (const field of question.fields) {
    const fault = numberFault(question, field, given[field.key]);
    if (fault) return { right: false, text: filled(fault, numberWords(question, field, given[field.key])) };
  }
  const [first] = question.fields;
  return { right: true, text: filled(question.right, numberWords(question, first, given[first.key])) };
}

/** Whether an answer is right, and what to say: {right, text}. */
export function judge(question, given) {
  if (question.kind !== "choice") return judgeNumbers(question, given);
  const { why } = question.options.find((option) => option.key === given);
  return { right: given === question.answer, text: why };
}

/** Whether an answer is there to be judged: something chosen, every field a number. */
export function isGiven(question, given) {
  if (question.kind === "choice") return question.options.some((option) => option.key === given);
  return question.fields.every((field) => Number.isFinite(given?.[field.key]));
}
