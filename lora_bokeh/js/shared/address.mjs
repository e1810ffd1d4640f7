import { readFragment, writeFragment } from "./link.mjs";

const heeded = new Map(); // prefix → what the address held for it when read or written; else, a link
const written = new Set(); // prefixes that the address has held here

/** The place of a view among those of its page, as the prefix of its names in the address. */
export const prefixOf = (data) => (data.place > 1 ? `${data.place}.` : "");

/** The page's address: a link in it is read once, then it keeps up with the state.
 *
 * resume() writes the state of a view that is shown again, or in the place of another one.
 */
export function addressOf(data) {
  const prefix = prefixOf(data);
  const fragment = () => window.location.hash;
  const held = () => JSON.stringify(readFragment(fragment(), prefix));
  const heed = () => heeded.set(prefix, held());
  const read = () => {
    if (!data.addressed || heeded.get(prefix) === held()) return {};
    heed();
    return readFragment(fragment(), prefix);
  };
  const write = (texts) => {
    if (!data.addressed) return;
    try {
      window.history.replaceState(window.history.state, "", writeFragment(fragment(), prefix, texts));
    } catch {} // a frame that has no address of its own
    heed();
    written.add(prefix);
  };
  const resume = (texts) => {
    if (written.has(prefix)) write(texts);
  };
  const link = (texts) => window.location.href.split("#")[0] + writeFragment(fragment(), prefix, texts);
  return { read, write, resume, link };
}
