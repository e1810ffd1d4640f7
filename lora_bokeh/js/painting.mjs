import { readColours } from "./colours.mjs";

/** Have figures repainted when their size or the colour scheme changes; Python is not told. */
export function keepPainted(model, data, el, figures) {
  let count = 0;
  const paint = () => data.setv({ paint: { count: ++count, colours: readColours(el) } }, { sync: false });
  for (const figure of figures) {
    for (const side of ["inner_width", "inner_height"]) figure?.properties[side].change.connect(paint);
  }
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", paint);
  model.on("remove", () => scheme.removeEventListener("change", paint));
  model.on("after_render", paint);
}
