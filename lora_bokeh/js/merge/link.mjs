import { POSITIVE, WHOLE } from "../shared/link.mjs";
import { LAST_SEED, uniform } from "./draws.mjs";
import { factorsOf, ownRecord } from "./factors.mjs";
import { LARGEST_ENTRY } from "./grids.mjs";
import { mergeSituation } from "./state.mjs";

// The state of the merge view as texts: how numbers began, and what was typed over them. So
// "zero~7*B1.2~3.5" is LoRA's start of seed 7, with 3.5 in row 1, column 2 of B.

const OWN = "own"; // entries that Python set, too many for a link: it names them

const seedOf = (text) => (WHOLE(text ?? "") >= 0 && WHOLE(text) <= LAST_SEED ? WHOLE(text) : undefined);

/** What differs from `before` in a matrix of n columns, entry by entry. */
function editsOf(name, M, before, n) {
  const place = (i) => `${name}${Math.floor(i / n) + 1}.${(i % n) + 1}`;
  return Array.from(M).flatMap((value, i) => (value === before[i] ? [] : [`${place(i)}~${value}`]));
}

/** Write edits into {name: [matrix, columns]}; false where one of them means nothing. */
function edit(matrices, edits) {
  return edits.every((text) => {
    const [, name, row, column, value] = text.match(/^(\w)(\d+)\.(\d+)~(\S+)$/) ?? [];
    const [M, n] = matrices[name] ?? [[], 0];
    const at = (row - 1) * n + (column - 1);
    const fits = row > 0 && column > 0 && column <= n && at < M.length && Math.abs(value) <= LARGEST_ENTRY;
    if (fits) M[at] = Number(value);
    return fits;
  });
}

const startText = ({ start, seed, scale }) => [start, seed, ...(start === "best" ? [scale] : [])].join("~");

function startOf(text, best) {
  const [start, seed, scale] = text.split("~");
  const known = start === "zero" || start === "random" || (start === "best" && best && POSITIVE(scale ?? ""));
  return known && seedOf(seed) !== undefined
    ? { start, seed: seedOf(seed), scale: Number(scale ?? 1), B: null, A: null }
    : undefined;
}

function recordText(record, { d, k, end, best, small }) {
  if (record.start !== "own") return startText(record);
  if (!small) return OWN;
  const base = { ...record, start: record.base };
  const [before, typed] = [factorsOf(base, d, k, end, best), ownRecord(record, d, k, end, best)];
  return [
    startText(base),
    ...editsOf("B", typed.B, before.B, end),
    ...editsOf("A", typed.A, before.A, k),
  ].join("*");
}

function recordOf(text, { d, k, end, best }) {
  const [began, ...edits] = text.split("*");
  const base = startOf(began, best);
  if (!base || !edits.length) return base;
  const typed = ownRecord(base, d, k, end, best);
  return edit({ B: [typed.B, end], A: [typed.A, k] }, edits) ? typed : undefined;
}

function inputText({ seed, x }, { k, small }) {
  if (x === null) return String(seed);
  return small ? [seed, ...editsOf("x", x, uniform(seed, "x", k), k)].join("*") : OWN;
}

function inputFrom(text, { k }) {
  const [seed, ...edits] = text.split("*");
  if (seedOf(seed) === undefined) return undefined;
  const x = edits.length ? Array.from(uniform(seedOf(seed), "x", k)) : null;
  return edit({ x: [x, k] }, edits) ? { seed: seedOf(seed), x } : undefined;
}

const oneOf =
  (...values) =>
  (text) =>
    values.find((value) => String(value) === text);

/** A kind that brings back what it could only name. */
function nameable(read, text) {
  let named;
  const write = (value) => {
    const written = text(value);
    if (written === OWN) named = value;
    return written;
  };
  return Object.assign((written) => (written === OWN ? named : read(written)), { text: write });
}

/** A kind of lists with one kind for each place. */
function listOf(...kinds) {
  const read = (text) => {
    const values = text.split("_").map((part, i) => kinds[i]?.(part));
    return values.length === kinds.length && values.every(Boolean) ? values : undefined;
  };
  return Object.assign(read, { text: (values) => values.map((value, i) => kinds[i].text(value)).join("_") });
}

/** What a link, a step back and a bookmark carry. */
export function kindsOfMerge(data) {
  const now = mergeSituation(data);
  const factors = () =>
    nameable(
      (text) => recordOf(text, now),
      (record) => recordText(record, now),
    );
  return {
    rank: WHOLE,
    alpha: POSITIVE,
    use_rslora: oneOf(false, true),
    adapter: oneOf(1, 2),
    adapters: listOf(factors(), factors()),
    input: nameable(
      (text) => inputFrom(text, now),
      (input) => inputText(input, now),
    ),
  };
}

/** What a link does not carry, in a sentence. */
export function linkLacks({ adapters, input }, { small }) {
  const given = !small && (input.x || adapters.some(({ start }) => start === "own"));
  return given
    ? "It does not carry the entries that were set from Python: it works where they are set again."
    : "";
}
