// The few things that every figure needs.

/** Derived state never goes back to Python. */
export const QUIET = { sync: false };

/** The source of a figure's renderer, by the renderer's name. */
export function sourceOf(figure, name) {
  return figure.renderers.find((renderer) => renderer.name === name).data_source;
}

/** Width and height that Bokeh measured of a figure, in pixels: of its frame ("inner"), or of all of
 * it ("outer"). Both are 0 until the figure is laid out: until then Bokeh has no value for them, and
 * throws at who reads them. */
export function measuredSize(figure, part = "inner") {
  const measured = (side) => (figure.properties[`${part}_${side}`].is_unset ? 0 : figure[`${part}_${side}`]);
  return { width: measured("width"), height: measured("height") };
}

/** Replace the columns that a renderer is drawn from. */
export function setColumns(figure, name, data) {
  sourceOf(figure, name).setv({ data }, QUIET);
}

/** Name a figure for assistive technology. Only its element is told: a name is nothing to paint. */
export function nameFigure(figure, label) {
  if (figure.html_attributes["aria-label"] === label) return;
  figure.setv({ html_attributes: { role: "figure", "aria-label": label } }, { silent: true });
  figure.properties.html_attributes.change.emit();
}

/** Columns of a source from its rows, under the names given. */
export function columnsOf(rows, ...names) {
  return Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
}
