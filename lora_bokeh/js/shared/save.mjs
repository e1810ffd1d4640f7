import { readColours } from "./colours.mjs";
import { h } from "./dom.mjs";
import { menu } from "./menu.mjs";
import { drawFigure, pictureSize, pngBlob, printPage, svgBlob } from "./picture.mjs";

const [SMALLEST, LARGEST] = [200, 4000]; // px of a picture

/** A name for a file: what is in it, words joined by hyphens. */
export function fileName(...parts) {
  const words = parts.filter((part) => part !== "" && part !== null && part !== undefined);
  return words
    .map((part) =>
      String(part)
        .replace(/[^\p{L}\p{N}._]+/gu, "-")
        .replace(/^[-.]+|-+$/g, ""),
    )
    .join("-");
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const anchor = h("a", { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // once the browser has taken it
}

/** A menu that saves one figure as a picture, and its numbers where there are any.
 *
 * describe() says what it shows now: {parts} of its file name, and words for drawFigure.
 * tables: {ending: {type, text}}, the text as a function.
 */
export function saveMenu(figure, heading, describe, { tables = {}, say = () => {} } = {}) {
  const light = h("input", { type: "checkbox" });
  light.checked = true;
  const paper = h("span", { class: "light", hidden: true });
  const nameOf = () => fileName(...describe().parts);
  const sides = ["width", "height"].map((name) =>
    h("input", { type: "number", min: SMALLEST, max: LARGEST, "aria-label": name }),
  );
  const size = () =>
    Object.fromEntries(
      sides.map((side) => [
        side.ariaLabel,
        side.value && Math.min(Math.max(Number(side.value), SMALLEST), LARGEST),
      ]),
    );
  const draw = () =>
    drawFigure(figure, { ...describe(), ...size(), colours: readColours(light.checked ? paper : element) });
  const keep = async (blob, ending) => {
    const name = `${nameOf()}.${ending}`;
    download(await blob, name);
    say(`Saved as ${name}.`);
  };
  const button = (label, onclick) =>
    h(
      "button",
      {
        type: "button",
        onclick: () => {
          close();
          summary.focus();
          onclick();
        },
      },
      label,
    );
  const pictures = [
    button("SVG", async () => keep(svgBlob(await draw()), "svg")),
    button("PNG", async () => keep(pngBlob(await draw()), "png")),
    button("Print to PDF", async () => printPage(await draw(), nameOf())),
  ];
  const numbers = Object.entries(tables).map(([ending, { type, text }]) =>
    button(ending.toUpperCase(), () => keep(new Blob([text()], { type }), ending)),
  );
  const row = (label, parts) =>
    h("div", { class: "row", role: "group", "aria-label": label }, h("span", {}, label), ...parts);
  const choices = [
    row("size", [sides[0], "×", sides[1], "px"]),
    row("colours", [h("label", {}, light, " light, on white")]),
  ];
  const rows = [row("picture", pictures), ...choices, ...(numbers.length ? [row("numbers", numbers)] : [])];
  const { element, summary, close } = menu("Save", `Save: ${heading}`, ...rows, paper);
  element.classList.add("save");
  element.dataset.figure = figure.name;
  element.addEventListener("toggle", () =>
    sides.forEach((side) => {
      side.placeholder = pictureSize(figure, {})[side.ariaLabel];
    }),
  );
  return element;
}
