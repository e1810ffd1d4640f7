import { MOST_CELLS, styleIn, unitText } from "../shared/cells.mjs";
import { h, setText } from "../shared/dom.mjs";
import { Spot } from "./cell.mjs";
import { blockText, wantsMore } from "./look.mjs";
import { FACTORS, InsideView, PRODUCTS } from "./pictures.mjs";
import { colourScale } from "./scale.mjs";
import { Seen } from "./zoom.mjs";

const ASK_AFTER = 250; // ms without a change before more detail is asked for
const SETTLED_AFTER = 80; // ms without a change before B, A and the names follow: they are the dear half
const CLOSER = 0.5;
const GROUP = "heat maps: arrow keys move the cell, plus and minus zoom, 0 shows the whole";
const KEYS = { "+": CLOSER, "=": CLOSER, "-": 1 / CLOSER };

/** What each map is called. */
export function mapTitles({ d, k }, rank, symbol) {
  return {
    "map-w": symbol,
    "map-r": `B · A, rank ${rank}`,
    "map-error": `error ${symbol} − B · A`,
    "map-b": `B, ${d} × ${rank}`,
    "map-a": `A, ${rank} × ${k}`,
  };
}

/** What a person should know of the pictures: how fine they are, and where they end. */
function noteText(part, now, rank, hosted) {
  const past = rank < now.rank ? `The factors past rank ${rank} are not computed.` : "";
  const [top, bottom, left, right] = part.region;
  const pooled = part.left.shape[1] < bottom - top || part.right.shape[1] < right - left;
  return [blockText(part), pooled && hosted ? "Zoom in to see more." : "", past].filter(Boolean).join(" ");
}

/** The card of the heat maps: titles, colour scales, the cell looked at, zoom. */
class InsidePanel {
  constructor(model, children, menuOf) {
    this.model = model;
    const figures = Object.fromEntries(model.inside.map((figure) => [figure.name, figure]));
    this.view = new InsideView(model.inside);
    this.seen = new Seen(figures["map-w"], () => {
      this.view.fit();
      this.settle();
    });
    this.spot = new Spot(figures);
    this.scales = [colourScale(), colourScale()];
    this.note = h("p", { class: "note" });
    this.titles = Object.fromEntries(model.inside.map(({ name }) => [name, h("h3")]));
    this.element = this.build(
      model.inside.map((figure, i) => {
        const title = h("div", { class: "title" }, this.titles[figure.name], menuOf(figure));
        return h("div", {}, title, h("div", { class: "plot" }, this.view.under(figure), children[i]));
      }),
    );
    for (const name of ["map-w", "map-r", "map-error"]) this.listen(figures[name]);
    model.on("paint", () => {
      this.view.fit();
      this.draw();
    });
  }

  build(maps) {
    const button = (label, text, act) =>
      h("button", { type: "button", "aria-label": label, onclick: act }, text);
    this.zooms = h(
      "div",
      { class: "zoom" },
      button("zoom in", "+", () => this.zoom(CLOSER)),
      button("zoom out", "−", () => this.zoom(1 / CLOSER)),
      button("show the whole", "whole", () => this.seen.whole(this.now)),
    );
    const legend = h(
      "div",
      { class: "legend" },
      ...this.scales.map((scale) => scale.element),
      this.spot.element,
      this.note,
      this.zooms,
    );
    const group = h(
      "div",
      {
        class: "maps",
        role: "group",
        tabindex: "0",
        "aria-label": GROUP,
        onkeydown: (event) => this.press(event),
      },
      ...maps.slice(0, 3),
    );
    const title = h("h2", {}, "Inside: what B · A keeps, and what it leaves");
    return h(
      "section",
      { class: "card inside", "aria-label": "inside" },
      title,
      group,
      h("div", { class: "factor-maps" }, ...maps.slice(3), legend),
    );
  }

  listen(figure) {
    figure.on_event("mousemove", ({ x, y }) => this.look(Math.round(y), Math.round(x)));
    figure.on_event("mouseleave", () => this.look(0, 0));
    figure.on_event("doubletap", () => this.seen.whole(this.now));
  }

  /** What is held of the matrix: the whole, and perhaps a region of it in more detail. */
  get parts() {
    const { curve } = this.now;
    const { closer } = this.model;
    return [curve.inside, ...(closer?.name === curve.name ? [closer] : [])];
  }

  /** The rank shown, or the last whose factors are known. */
  get known() {
    return Math.min(this.now.rank, this.parts[0].left.shape[0]);
  }

  look(row, column) {
    this.spot.put(row, column, this.now);
    this.spot.say(this.parts, this.known, this.symbol);
    this.spot.outline(this.parts, this.known);
  }

  zoom(factor) {
    this.seen.zoom(this.now, factor, this.spot.at ?? this.seen.middle);
  }

  press(event) {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = this.spot.next(event.key, this.seen.middle, this.now, this.parts);
    if (next) this.look(...next);
    else if (event.key in KEYS) this.zoom(KEYS[event.key]);
    else if (event.key === "0") this.seen.whole(this.now);
    else return;
    event.preventDefault();
  }

  /** Ask for more detail once what is seen has come to rest. */
  settle() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), ASK_AFTER);
  }

  ask() {
    if (!this.now) return;
    const region = this.seen.region(this.now);
    if (this.model.hosted && wantsMore(this.parts, region))
      this.model.look = { name: this.now.curve.name, region };
  }

  show(now, symbol) {
    this.element.hidden = !now.curve?.inside;
    if (this.element.hidden) return;
    const other = now.curve.name !== this.now?.curve.name || now.d !== this.now.d || now.k !== this.now.k;
    Object.assign(this, { now, symbol });
    if (other) this.begin();
    this.draw();
    this.settle();
  }

  /** What follows the rank at once: W_r, the error, and what is said of them. */
  draw() {
    const { now, symbol, model } = this;
    if (!now?.curve?.inside || !model.paint.colours) return;
    const [parts, rank] = [this.parts, this.known];
    const changed = this.view.show(now, parts, rank, model.paint.colours);
    if (changed) this.scale(parts.at(-1));
    this.name(Object.keys(PRODUCTS), rank);
    setText(this.note, noteText(parts.at(-1), now, rank, model.hosted));
    this.zooms.hidden = Math.max(now.d, now.k) <= MOST_CELLS;
    this.spot.say(parts, rank, symbol);
    clearTimeout(this.resting);
    if (changed) this.rest();
    else this.resting = setTimeout(() => this.rest(), SETTLED_AFTER);
  }

  /** What follows when the rank has come to rest: the figures with the rank on an axis. */
  rest() {
    const { now, symbol, known, parts } = this;
    this.view.drawFactors(now);
    this.view.nameFigures(now, symbol);
    this.name(Object.keys(FACTORS), known);
    this.spot.outline(parts, known);
  }

  /** Another matrix: all of it is seen, and none of its cells looked at. */
  begin() {
    this.spot.at = null;
    this.seen.whole(this.now);
  }

  scale(part) {
    const [peak, factors] = this.view.peaks;
    this.peaks = [peak * part.unit, factors * Math.sqrt(part.unit)];
    this.scales[0].show(`${this.symbol}, B · A and error`, this.peaks[0]);
    this.scales[1].show("B and A", this.peaks[1]);
  }

  /** The title of each map, with the unit of the numbers in its cells if that is not one. */
  name(names, rank) {
    const { d, k } = this.now;
    const shapes = { "map-b": [d, rank], "map-a": [rank, k] };
    const [numbered, titles] = [Math.max(d, k) <= MOST_CELLS, mapTitles(this.now, rank, this.symbol)];
    for (const figure of this.model.inside.filter(({ name }) => names.includes(name))) {
      const { name } = figure;
      const style = numbered && styleIn(figure, shapes[name] ?? [d, k], this.peaks[name in shapes ? 1 : 0]);
      setText(this.titles[name], titles[name] + unitText(style));
    }
  }
}

export function insidePanel(model, children, menuOf) {
  return new InsidePanel(model, children, menuOf);
}
