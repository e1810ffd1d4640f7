// The state of a view as texts, name → text: what a link carries, a step of the history, a
// bookmark. A kind turns the text of one property into a value, or undefined where it has none;
// kind.text turns the value into its text, where String would not do.
// Several views of a page keep apart by a prefix: "rank" is the first one's, "2.rank" the second's.

export const WHOLE = (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : undefined);

/** A number above zero, or "" for none. */
export function POSITIVE(text) {
  if (text === "") return null;
  return Number(text) > 0 && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

/** One of the names that are on offer at the time. */
export const among = (names) => (text) => (names().includes(text) ? text : undefined);

const textOf = (kind, value) => (kind.text ? kind.text(value) : String(value ?? ""));

/** The state as texts; nothing chosen is "". */
export function textsOf(data, kinds) {
  return Object.fromEntries(Object.keys(kinds).map((name) => [name, textOf(kinds[name], data[name])]));
}

/** Values of the texts that mean something, and the names of those that do not. */
export function valuesOf(texts, kinds) {
  const known = Object.entries(texts).map(([name, text]) => [
    name,
    Object.hasOwn(kinds, name) ? kinds[name](text) : undefined,
  ]);
  return {
    values: Object.fromEntries(known.filter(([, value]) => value !== undefined)),
    refused: known.filter(([, value]) => value === undefined).map(([name]) => name),
  };
}

export const sameTexts = (a, b) => Object.keys({ ...a, ...b }).every((name) => a[name] === b[name]);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray % stands for itself
  }
}

const partsOf = (fragment) => fragment.replace(/^#/, "").split("&").filter(Boolean);
const nameIn = (part) => decoded(part.split("=")[0]);
const isPlain = (name) => !/^\d+\./.test(name);
const isOf = (prefix) => (part) =>
  part.includes("=") && (prefix ? nameIn(part).startsWith(prefix) : isPlain(nameIn(part)));

/** The texts that a fragment, such as "#rank=5&target=flat", holds for one view. */
export function readFragment(fragment, prefix) {
  const mine = partsOf(fragment).filter(isOf(prefix));
  return Object.fromEntries(
    mine.map((part) => [nameIn(part).slice(prefix.length), decoded(part.slice(part.indexOf("=") + 1))]),
  );
}

/** The fragment with these texts for one view; what it holds for others stays. */
export function writeFragment(fragment, prefix, texts) {
  const others = partsOf(fragment).filter((part) => !isOf(prefix)(part));
  const mine = Object.entries(texts).filter(([, text]) => text !== "");
  return `#${[...others, ...mine.map(([name, text]) => `${prefix}${name}=${encodeURIComponent(text)}`)].join("&")}`;
}

/** What a person has to know of a link: what it asked for, and what is shown. */
export function linkNotice(asked, refused, shown) {
  const ignored = refused.map((name) => `${name}=${asked[name]}`);
  const cut = Object.keys(shown).filter(
    (name) => name in asked && !refused.includes(name) && asked[name] !== shown[name],
  );
  return [
    ...(ignored.length ? [`The link asks for ${ignored.join(" and ")}, which means nothing here.`] : []),
    ...cut.map((name) => `The link asks for ${name} ${asked[name]}; the nearest here is ${shown[name]}.`),
  ].join(" ");
}
