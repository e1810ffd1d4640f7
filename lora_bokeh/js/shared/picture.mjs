import { applyColours } from "./colours.mjs";
import { measuredSize, QUIET } from "./figures.mjs";
import { serializer } from "./privates.mjs";

// A figure for papers and slides. Bokeh draws a copy of it as vectors, one that nobody sees; the
// pixels of a PNG and the page of a PDF are made of that drawing.

const FONTS = "Inter, Helvetica, Arial, sans-serif"; // what other programs know by name
const PIXELS = 3; // of a PNG, across one of the page: 288 dpi
const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 12; // px around the drawing
const ROOM_FOR_TITLE = 44; // px
const PER_LETTER = 8; // px of a title

const sourcesOf = (figure) => [...figure.references()].filter((model) => model.type === "ColumnDataSource");

/** A copy of a figure in a document of its own, as it is now; it looks at the same columns. */
function copyOf(figure) {
  const roots = serializer().encode([figure]);
  const copy = figure.document.constructor.from_json({ version: Bokeh.version, title: "", roots });
  // A copied array has lost its shape, and is taken for equal to the one that has it.
  const columns = new Map(sourcesOf(figure).map((source) => [source.id, source.data]));
  for (const source of sourcesOf(copy.roots()[0])) {
    for (const data of [{}, columns.get(source.id)]) source.setv({ data }, QUIET);
  }
  return copy;
}

/** A line of text cut in its middle to a width in pixels. */
export function cutMiddle(text, width) {
  const most = Math.max(Math.floor(width / PER_LETTER), 9);
  return text.length <= most
    ? text
    : `${text.slice(0, Math.ceil(most / 2) - 1)}…${text.slice(1 - Math.floor(most / 2))}`;
}

/** Size of the whole picture: as asked for, else that of the figure and of the words around it. */
export function pictureSize(figure, { width, height }) {
  const outer = measuredSize(figure, "outer");
  return {
    width: width || outer.width + 2 * MARGIN,
    height: height || outer.height + 2 * MARGIN + ROOM_FOR_TITLE,
  };
}

/** Give the copy a size, colours, and in words what the page says around the figure. */
function dress(copy, { title, yLabel, colours, width, height }) {
  const text = title.map((line) => cutMiddle(line, width - 4 * MARGIN)).join("\n");
  const font = {
    text_font: FONTS,
    text_font_size: "14px",
    text_font_style: "normal",
    text_color: colours.ink,
    standoff: 8,
  };
  copy.toolbar.setv({ tools: [] }, QUIET);
  copy.title.setv({ text, ...font }, QUIET);
  if (yLabel) copy.left[0].setv({ axis_label: yLabel.join("") }, QUIET);
  const size = { width: width - 2 * MARGIN, height: height - 2 * MARGIN, sizing_mode: "fixed" };
  copy.setv({ ...size, background_fill_color: null, border_fill_color: null }, QUIET);
  applyColours(copy, colours);
}

/** Draw a document's only root out of sight, and return it as an SVG element, and where it is. */
async function drawn(document_, arrange) {
  const place = document.createElement("div");
  place.style.cssText = "position: absolute; left: -99999px; top: 0";
  document.body.append(place);
  try {
    const views = await Bokeh.embed.add_document_standalone(document_, place);
    if (!document_.is_idle) await new Promise((idle) => document_.idle.connect(idle));
    arrange?.(document_.roots()[0]);
    const blob = await views.get(document_.roots()[0]).export("svg").to_blob();
    const svg = new DOMParser().parseFromString(await blob.text(), "image/svg+xml").documentElement;
    place.append(svg);
    return { svg, content: svg.getBBox() };
  } finally {
    document_.clear();
    Bokeh.documents.splice(Bokeh.documents.indexOf(document_), 1);
    place.remove();
  }
}

function svgElement(tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

/** What canvas text cannot say: fonts that other programs know, a bold line, a subscript. */
function finishTexts(svg, { title, yLabel }) {
  for (const text of svg.querySelectorAll('text[stroke-opacity="0"]')) text.remove(); // outlines of nothing
  for (const text of svg.querySelectorAll("text")) {
    text.setAttribute("font-family", FONTS);
    if (text.textContent === title[0]) text.setAttribute("font-weight", "bold");
    if (!yLabel || text.textContent !== yLabel.join("")) continue;
    text.textContent = yLabel[0];
    text.append(svgElement("tspan", { dy: 3, "font-size": "75%" }, yLabel[1]));
  }
}

/** Name the drawing for assistive technology, let it scale, and give it a margin, the size that was
 * asked for, or no more than there is to see. */
function finish({ svg, content }, label, words) {
  const width = words.width || Math.ceil(content.x + content.width) + 2 * MARGIN;
  const height = words.height || Math.ceil(content.y + content.height) + 2 * MARGIN;
  const box = { width, height, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}`, role: "img" };
  for (const [name, value] of Object.entries(box)) svg.setAttribute(name, value);
  const paper = { x: -MARGIN, y: -MARGIN, width, height, fill: words.colours.card };
  svg.prepend(svgElement("title", {}, label), svgElement("rect", paper));
  for (const image of svg.querySelectorAll("image"))
    image.setAttribute("style", "image-rendering: pixelated");
  finishTexts(svg, words);
  return svg;
}

/** A figure as an SVG element.
 *
 * words: its {title} in two lines, {yLabel} as [text, subscript], {colours}, {width, height} in px,
 * and arrange(figure) where what is drawn depends on the size.
 */
export async function drawFigure(figure, words) {
  const copy = copyOf(figure);
  dress(copy.roots()[0], { ...words, ...pictureSize(figure, words) });
  return finish(
    await drawn(copy, words.arrange),
    figure.html_attributes["aria-label"] ?? words.title[0],
    words,
  );
}

export const svgBlob = (svg) =>
  new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });

/** The drawing in pixels. */
export async function pngBlob(svg) {
  const image = new Image();
  image.src = URL.createObjectURL(svgBlob(svg));
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [PIXELS * image.width, PIXELS * image.height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

let printed = null; // the frame of the last print, in a browser that does not say when it is over

const loaded = (image) =>
  new Promise((done) => {
    image.onload = image.onerror = done;
  });

/** Open the browser's print dialog on a page that is as large as the drawing and holds only it. */
export async function printPage(svg, name) {
  printed?.remove();
  const frame = document.createElement("iframe");
  printed = frame;
  frame.style.cssText = "position: fixed; width: 0; height: 0; border: 0; visibility: hidden";
  frame.title = name;
  frame.setAttribute("aria-hidden", "true");
  document.body.append(frame);
  const page = frame.contentDocument;
  const style = page.createElement("style");
  const size = ["width", "height"].map((side) => `${svg.getAttribute(side)}px`).join(" ");
  style.textContent = `@page { size: ${size}; margin: 0 } body { margin: 0 } svg { display: block }`;
  page.title = name;
  page.head.append(style);
  page.body.append(page.importNode(svg, true));
  await Promise.all([...page.querySelectorAll("image")].map(loaded));
  frame.contentWindow.addEventListener("afterprint", () => frame.remove());
  frame.contentWindow.print();
}
