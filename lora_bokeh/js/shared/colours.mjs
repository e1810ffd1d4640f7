// Colours live in palette.css; each themed Bokeh model carries a tag {property: colour name}.

const NAMES = [
  "paper",
  "card",
  "ink",
  "muted",
  "rule",
  "accent",
  "accent-ink",
  "accent-soft",
  "shade",
  "negative",
  "zero",
  "positive",
];

/** The palette as the browser computes it now, light or dark. */
export function readColours(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Red, green and blue of "#rrggbb", 0 to 255. */
export const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const hex = (rgb) => `#${rgb.map((c) => Math.round(c).toString(16).padStart(2, "0")).join("")}`;

const mixColours = (from, to, t) => hex(channels(from).map((c, i) => c + t * (channels(to)[i] - c)));

/** Contrast of two colours, 1 to 21, as WCAG 2 defines it. */
export function contrast(one, other) {
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) =>
    channels(colour).reduce((sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * linear(c / 255), 0.05);
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return light / dark;
}

/** A diverging palette of 255 colours, centred at zero. */
export function divergingPalette({ negative, zero, positive }) {
  return Array.from({ length: 255 }, (_, i) =>
    i < 127 ? mixColours(zero, negative, (127 - i) / 127) : mixColours(zero, positive, (i - 127) / 127),
  );
}

/** Colours from nothing to much. */
function sequentialPalette({ card, accent }) {
  return Array.from({ length: 64 }, (_, i) => mixColours(card, accent, 0.05 + (0.8 * i) / 63));
}

function themedValue(model, property, colours, token) {
  if (token === "diverging") return divergingPalette(colours);
  if (token === "sequential") return sequentialPalette(colours);
  const isSpec = typeof model[property] === "object" && model[property] !== null;
  return isSpec ? { value: colours[token] } : colours[token];
}

/** Give every tagged model of a figure the colours of the present palette; Python is not told. */
export function applyColours(figure, colours) {
  for (const model of figure.references()) {
    const themed = model.tags?.find((tag) => tag?.themed)?.themed;
    if (!themed) continue;
    const values = Object.entries(themed).map(([property, token]) => [
      property,
      themedValue(model, property, colours, token),
    ]);
    model.setv(Object.fromEntries(values), { sync: false });
  }
}
