// Light or dark: what a view is told, else what lies behind it, else what the system prefers. So a
// view follows the template, notebook or page that it is in, whoever wrote that.

const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
const OPAQUE = 128; // of 255: a ground that is seen through less than by half is the ground
const MIDDLE = 0.18; // luminance as far in contrast from black as from white

const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

/** Red, green, blue and alpha, 0 to 255, of any CSS colour. */
function pixelOf(colour) {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  return pixel.getImageData(0, 0, 1, 1).data;
}

/** Whether a ground of this colour is dark; undefined where one sees through it. */
export function isDark(colour) {
  const [r, g, b, alpha] = pixelOf(colour);
  if (alpha < OPAQUE) return undefined;
  const linear = (c) => (c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) < MIDDLE;
}

/** The elements around one, nearest first, out through slots and shadow roots. */
function* aroundOf(element) {
  for (
    let node = element.assignedSlot ?? element.parentNode;
    node;
    node = node.assignedSlot ?? node.parentNode ?? node.host
  ) {
    if (node instanceof Element) yield node;
  }
}

/** Whether it is dark behind an element; undefined where nothing says so. */
function darkBehind(around) {
  for (const element of around) {
    const dark = isDark(getComputedStyle(element).backgroundColor);
    if (dark !== undefined) return dark;
  }
  return document.body.dataset.vscodeThemeKind?.match(/dark|high-contrast$/) ? true : undefined;
}

/** Keep an element's data-scheme "light" or "dark", and call back when either may have changed.
 *
 * chosen() is the scheme wanted, or "" to follow. Returns what looks again, and what ends it.
 */
export function followScheme(element, chosen, changed) {
  let [frame, moving] = [0, false];
  const ask = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      look();
      changed();
    });
  };
  const observer = new MutationObserver(ask);
  const look = () => {
    const around = [...aroundOf(element)];
    observer.disconnect();
    for (const each of around) observer.observe(each, { attributes: true });
    observer.observe(document.head, {
      attributes: true,
      childList: true,
      characterData: true,
      subtree: true,
    });
    element.dataset.scheme = chosen() || ((darkBehind(around) ?? systemDark.matches) ? "dark" : "light");
    // A ground on its way to another colour tells when it is there.
    const fading = moving
      ? []
      : around
          .flatMap((each) => each.getAnimations())
          .filter((each) => each.transitionProperty?.startsWith("background"));
    if (!fading.length) return;
    moving = true;
    Promise.allSettled(fading.map((each) => each.finished)).then(() => {
      moving = false;
      ask();
    });
  };
  const end = () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    systemDark.removeEventListener("change", ask);
  };
  systemDark.addEventListener("change", ask);
  look();
  return { look, end };
}
