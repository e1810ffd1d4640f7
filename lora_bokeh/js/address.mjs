import { readFragment, writeFragment } from "./link.mjs";

const heeded = new Map(); // prefix → the address as it was read or written; another one is a link

/** The place of a view among those of its page, as the prefix of its names in the address. */
export function prefixOf(model) {
  const models = model.document?.roots().flatMap((root) => [...root.references()]) ?? [];
  const place = models.filter((each) => each.data?.addressed !== undefined).indexOf(model);
  return place > 0 ? `${place + 1}.` : "";
}

/** The page's address: a link in it is read once, then it keeps up with the state. */
export function addressOf(model, data) {
  const fragment = () => window.location.hash;
  const heed = () => heeded.set(prefixOf(model), fragment());
  const read = () => {
    if (!data.addressed || heeded.get(prefixOf(model)) === fragment()) return {};
    heed();
    return readFragment(fragment(), prefixOf(model));
  };
  const write = (texts) => {
    if (!data.addressed) return;
    try {
      window.history.replaceState(window.history.state, "", writeFragment(fragment(), prefixOf(model), texts));
    } catch {} // a frame that has no address of its own
    heed();
  };
  const link = (texts) => window.location.href.split("#")[0] + writeFragment(fragment(), prefixOf(model), texts);
  return { read, write, link };
}
