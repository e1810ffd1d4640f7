import { QUIET, setColumns } from "./bokeh.mjs";
import { h, setText } from "./dom.mjs";
import { formatSignificant } from "./format.mjs";
import { blockText, partAt, spotText, wantsMore } from "./look.mjs";
import { meansOf, peakOf } from "./pooled.mjs";
import { entriesSeen, scaled, within } from "./zoom.mjs";

const SETTLED_LOOK = 250; // ms without a change before more detail is asked for
const CLOSER = 0.5;
const MAPS_HELP = "heat maps: arrow keys move the cell, plus and minus zoom, 0 shows the whole";
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** A colour scale, its ends and its middle in numbers. */
function colourScale() {
  const [low, high] = [h("span"), h("span")];
  const name = h("span", { class: "name" });
  const element = h("div", { class: "scale" }, name, low, h("i"), high);
  const show = (of, peak) => {
    setText(name, of);
    setText(low, `−${formatSignificant(peak)}`);
    setText(high, formatSignificant(peak));
  };
  return { element, show };
}

/** The card of the heat maps: titles, colour scales, what is under the pointer, zoom. */
export function insidePanel(model, children) {
  const figures = Object.fromEntries(model.inside.map((figure) => [figure.name, figure]));
  const { x_range: across, y_range: down } = figures["map-w"];
  const titles = model.inside.map(() => h("h3"));
  const maps = model.inside.map((figure, i) => h("div", { class: figure.name }, titles[i], h("div", { class: "plot" }, children[i])));
  const group = h("div", { class: "maps", role: "group", tabindex: "0", "aria-label": MAPS_HELP }, ...maps.slice(0, 3));
  const scales = [colourScale(), colourScale()];
  const note = h("p", { class: "note" });
  const spotLine = h("p", { class: "spot" });
  const button = (label, text, act) => h("button", { type: "button", "aria-label": label, onclick: act }, text);
  const zoom = h("div", { class: "zoom" }, button("zoom in", "+", () => zoomBy(CLOSER)), button("zoom out", "−", () => zoomBy(1 / CLOSER)), button("show the whole", "whole", () => showWhole()));
  const legend = h("div", { class: "legend" }, ...scales.map((scale) => scale.element), spotLine, note, zoom);
  const element = h("section", { class: "card inside", "aria-label": "inside" }, h("h2", {}, "Inside: what B · A keeps, and what it leaves"), group, h("div", { class: "below" }, ...maps.slice(3), legend));

  let [now, spot, timer, symbol] = [null, null, null, "ΔW"];
  const parts = () => [now.curve.inside, ...(model.closer?.name === now.curve.name ? [model.closer] : [])];
  const columns = () => ({ start: across.start, end: across.end });
  const rows = () => ({ start: down.end, end: down.start }); // the axis points downwards
  const see = (seenRows, seenColumns) => {
    across.setv(within(seenColumns, now.k), QUIET);
    const { start, end } = within(seenRows, now.d);
    down.setv({ start: end, end: start }, QUIET);
  };
  const showWhole = () => see({ start: 0.5, end: now.d + 0.5 }, { start: 0.5, end: now.k + 0.5 });
  const middle = ({ start, end }) => (start + end) / 2;
  const zoomBy = (factor) => {
    const [row, column] = spot?.map((entry) => entry + 1) ?? [middle(rows()), middle(columns())];
    see(scaled(rows(), now.d, row, factor), scaled(columns(), now.k, column, factor));
  };
  const pointAt = (row, column) => {
    const inside = row >= 0 && row < now.d && column >= 0 && column < now.k;
    spot = inside ? [row, column] : null;
    drawSpot();
  };
  const drawSpot = () => {
    const part = spot && partAt(parts(), ...spot);
    const rank = part ? Math.min(now.rank, part.left.shape[0]) : 0;
    setText(spotLine, part ? spotText(part, ...spot, rank, symbol) : "Point at a cell, or move there with the arrow keys.");
    const [row, column] = spot?.map((entry) => entry + 1) ?? [];
    const boxes = {
      "map-w": [column, row, 1, 1], "map-r": [column, row, 1, 1], "map-error": [column, row, 1, 1],
      "map-b": [(rank + 1) / 2, row, rank, 1], "map-a": [column, (rank + 1) / 2, 1, rank],
    };
    for (const [name, box] of Object.entries(boxes)) {
      const [x, y, w, height] = spot && rank ? box.map((value) => [value]) : [[], [], [], []];
      setColumns(figures[name], "spot", { x, y, w, h: height });
    }
  };
  const ask = () => {
    const region = [...entriesSeen(rows(), now.d), ...entriesSeen(columns(), now.k)];
    if (model.hosted && wantsMore(parts(), region)) model.look = { name: now.curve.name, region };
  };
  const settle = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, SETTLED_LOOK);
  };

  for (const range of [across, down]) for (const end of ["start", "end"]) range.properties[end].change.connect(settle);
  for (const name of ["map-w", "map-r", "map-error"]) {
    figures[name].on_event("mousemove", ({ x, y }) => pointAt(Math.round(y) - 1, Math.round(x) - 1));
    figures[name].on_event("mouseleave", () => pointAt(-1, -1));
    figures[name].on_event("doubletap", showWhole);
  }
  group.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    if (step) {
      const [row, column] = spot ?? [rows(), columns()].map((seen) => Math.round(middle(seen)) - 1);
      const move = (entry, by, size) => Math.min(Math.max(entry + by, 0), size - 1);
      pointAt(move(row, step[0], now.d), move(column, step[1], now.k));
    } else if (event.key === "+" || event.key === "=") zoomBy(CLOSER);
    else if (event.key === "-") zoomBy(1 / CLOSER);
    else if (event.key === "0") showWhole();
    else return;
    event.preventDefault();
  });

  const show = (situation, matrix) => {
    const before = now?.curve;
    [now, symbol] = [situation, matrix];
    element.hidden = !now.curve?.inside;
    if (element.hidden) return;
    const { curve, d, k } = now;
    const held = parts();
    const finest = held.at(-1);
    const rank = Math.min(now.rank, held[0].left.shape[0]);
    const names = { "map-w": symbol, "map-r": `B · A, rank ${rank}`, "map-error": `error ${symbol} − B · A`, "map-b": `B, ${d} × ${rank}`, "map-a": `A, ${rank} × ${k}` };
    model.inside.forEach((figure, i) => setText(titles[i], names[figure.name]));
    scales[0].show(`${symbol}, B · A, error`, peakOf(meansOf(finest)) * finest.unit);
    scales[1].show("B, A", peakOf(finest.left, finest.right) * Math.sqrt(finest.unit));
    setText(note, [blockText(finest), rank < now.rank ? `The factors past rank ${rank} are not computed.` : ""].join(" ").trim());
    zoom.hidden = Math.max(d, k) <= 16;
    if (curve?.name !== before?.name) spot = null;
    drawSpot();
    settle();
  };
  return { element, show };
}
