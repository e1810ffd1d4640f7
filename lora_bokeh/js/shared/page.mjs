import { readColours } from "./colours.mjs";
import { followScheme } from "./scheme.mjs";

/** Have figures repainted when their size or the colour scheme changes; Python is not told. */
export function keepPainted(model, data, el, figures) {
  let count = 0;
  const paint = () => data.setv({ paint: { count: ++count, colours: readColours(el) } }, { sync: false });
  const { look, end } = followScheme(el.getRootNode().host, () => data.theme, paint);
  const again = () => {
    look();
    paint();
  };
  for (const figure of figures) {
    for (const side of ["inner_width", "inner_height"]) figure?.properties[side].change.connect(paint);
  }
  model.on("theme", again);
  model.on("remove", end);
  model.on("after_render", again);
}
