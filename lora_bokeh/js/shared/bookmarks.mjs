import { h } from "./dom.mjs";
import { menu } from "./menu.mjs";

// Named states. The browser keeps them for the page, where it keeps anything; else the page does.

/** A list under a key of the browser's storage: read it, replace it. */
function storedList(key) {
  let here = [];
  const read = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(key()) ?? "[]");
      return Array.isArray(kept) ? kept.filter((each) => typeof each?.name === "string" && each.state) : here;
    } catch {
      return here; // no storage, as in a sandbox
    }
  };
  const write = (list) => {
    here = list;
    try {
      localStorage.setItem(key(), JSON.stringify(list));
    } catch {} // no storage, or it is full: they last as long as the page
  };
  return { read, write };
}

/** The list with a state under a name; the same name again replaces it. */
export function withBookmark(list, name, state) {
  return [...list.filter((each) => each.name !== name), { name, state }];
}

/** A menu of bookmarks: name the present state, list, go to one, delete it. */
export function bookmarkMenu({ key, isHere, state, title, onGo, say }) {
  const stored = storedList(key);
  const name = h("input", { type: "text", "aria-label": "name of the bookmark", maxlength: 60 });
  const list = h("ul", {});
  const none = h("p", { class: "count" }, "No bookmarks yet.");
  const change = (bookmarks, said) => {
    stored.write(bookmarks);
    draw();
    say(said);
  };
  const add = (event) => {
    event.preventDefault();
    const text = name.value.trim() || title();
    change(withBookmark(stored.read(), text, state()), `Bookmark ${text} added.`);
    name.value = "";
    name.placeholder = title();
  };
  const remove = (text) => {
    change(
      stored.read().filter((each) => each.name !== text),
      `Bookmark ${text} deleted.`,
    );
    name.focus();
  };
  const form = h("form", { class: "row", onsubmit: add }, name, h("button", {}, "Add"));
  const { element, summary, close } = menu("Bookmarks", null, form, none, list);
  const row = (bookmark) =>
    h(
      "li",
      { class: "row" },
      h(
        "button",
        {
          type: "button",
          class: "choose",
          onclick: () => {
            close();
            summary.focus();
            onGo(bookmark.state);
          },
        },
        bookmark.name,
      ),
      h(
        "button",
        { type: "button", "aria-label": `delete ${bookmark.name}`, onclick: () => remove(bookmark.name) },
        "Delete",
      ),
    );
  const draw = () => {
    const rows = stored
      .read()
      .filter((bookmark) => isHere(bookmark.state))
      .map(row);
    list.replaceChildren(...rows);
    none.hidden = rows.length > 0;
  };
  element.addEventListener("toggle", () => {
    name.placeholder = title();
    draw();
  });
  return element;
}
