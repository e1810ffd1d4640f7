import { h, setText } from "../shared/dom.mjs";
import { formatSignificant } from "../shared/numbers.mjs";

/** A diverging colour scale, centred at zero, its ends in numbers. */
export function colourScale() {
  const [name, low, high] = [h("span", { class: "name" }), h("span"), h("span")];
  const element = h("div", { class: "scale" }, name, low, h("i"), high);
  const show = (what, peak) => {
    setText(name, what);
    setText(low, `−${formatSignificant(peak)}`);
    setText(high, formatSignificant(peak));
  };
  return { element, show };
}
