// What the page relies on inside of BokehJS and of Panel's scripts. They promise none of it: where it
// is gone, that is an error on the console, on which every browser test fails; the page goes on.

function lacking(what, purpose) {
  console.error(`lora_bokeh: this release of Bokeh or Panel has no ${what}, by which ${purpose}`);
}

const heedful = new WeakSet();

/** Make the comm managers of a document heed `sync: false`; outside of a notebook there are none.
 *
 * Panel's comm manager sends every change to Python, also those that Bokeh marks as not to be
 * synchronised: what is derived here, and what has just come from Python. Each spring would flood the
 * kernel, and two linked views would throw a rank back and forth.
 */
export function heedSync(document) {
  for (const manager of document?.roots() ?? []) {
    if (!manager.type.endsWith("CommManager") || heedful.has(manager)) continue;
    heedful.add(manager);
    const send = manager._document_changed;
    if (!send)
      lacking("CommManager._document_changed", "a notebook's kernel is spared what the page derives");
    manager._document_changed = function (event) {
      if (event.sync !== false) send?.call(this, event);
    };
  }
}

/** Have a plot's view write only places that changed. At each paint Bokeh writes the place of every
 * renderer into a style sheet, and the browser matches the styles anew before the next text. */
export function sparePlaces(view) {
  if (!view) return;
  const places = [...(view.renderer_views?.values() ?? [])]
    .map(({ position }) => position)
    .filter((place) => place?.replace);
  if (!places.length) lacking("position of its renderers' views", "a drag is drawn in time");
  for (const place of places) {
    const write = place.replace;
    place.replace = (css) => {
      if (css !== place.css) write.call(place, css);
    };
  }
}

/** What Bokeh writes models down with, as it does for its files. */
export function serializer() {
  const { Serializer } = Bokeh.require("core/serialization");
  return new Serializer({ references: new Map() });
}
