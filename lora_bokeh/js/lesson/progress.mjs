// How far a learner has come. Pure, but for the two functions that keep it in the browser.
// Progress is {act: {given, right, tries, hints, revealed}}; an act never opened has no entry.

const BLANK = { given: null, right: false, tries: 0, hints: 0, revealed: false };

export const entryOf = (progress, id) => progress[id] ?? BLANK;

/** Progress with something new about one act. */
export function withEntry(progress, id, changes) {
  return { ...progress, [id]: { ...entryOf(progress, id), ...changes } };
}

/** After an answer was judged. A right one counts as solved unless the answer was shown before. */
export function afterAnswer(progress, id, given, right) {
  return withEntry(progress, id, { given, right, tries: entryOf(progress, id).tries + 1 });
}

/** "open", "tried", "solved", or "shown" where the answer was looked at before it was found. */
export function standing({ right, tries, revealed }) {
  if (revealed) return "shown";
  if (right) return "solved";
  return tries > 0 ? "tried" : "open";
}

/** How many acts are solved, how many are done in any way. */
export function tally(progress, ids) {
  const standings = ids.map((id) => standing(entryOf(progress, id)));
  const solved = standings.filter((each) => each === "solved").length;
  return { solved, done: solved + standings.filter((each) => each === "shown").length };
}

const counted = (n) => (Number.isInteger(n) && n > 0 ? n : 0);

/** What was stored, as far as it is progress in these acts; a browser's store may hold anything. */
export function checked(stored, ids) {
  const known = ids.filter((id) => typeof stored?.[id] === "object" && stored[id] !== null);
  return Object.fromEntries(
    known.map((id) => {
      const { given, right, tries, hints, revealed } = stored[id];
      return [
        id,
        {
          given: given ?? null,
          right: right === true,
          tries: counted(tries),
          hints: counted(hints),
          revealed: revealed === true,
        },
      ];
    }),
  );
}

/** Progress kept by this browser, or none: a browser may refuse to keep anything. */
export function recall(key, ids) {
  try {
    return checked(JSON.parse(window.localStorage.getItem(key)), ids);
  } catch {
    return {};
  }
}

export function remember(key, progress) {
  try {
    window.localStorage.setItem(key, JSON.stringify(progress));
  } catch {
    // A private window, a full store: the lesson goes on without.
  }
}
