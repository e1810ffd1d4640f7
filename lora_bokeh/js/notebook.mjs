// In a notebook Panel's comm manager sends every change to Python, also those that Bokeh marks as
// not to be synchronised: what is derived here, and what has just come from Python. Each spring
// would flood the kernel, and two linked views would throw a rank back and forth.

const heedful = new WeakSet();

/** Make the comm managers of a document heed `sync: false`; elsewhere there are none. */
export function heedSync(document) {
  for (const manager of document?.roots() ?? []) {
    if (typeof manager._document_changed !== "function" || heedful.has(manager)) continue;
    heedful.add(manager);
    const send = manager._document_changed;
    manager._document_changed = function (event) {
      if (event.sync !== false) send.call(this, event);
    };
  }
}
