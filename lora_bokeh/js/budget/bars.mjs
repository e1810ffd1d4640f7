// Where the bars of a parameter budget are drawn. Pixels, y downwards, origin at the top left.
// Three bars, each of one scale: the model; the matrices adapted, and LoRA on them; LoRA alone.
// A lens under a bar shows which part of it the next bar magnifies.

const BAR = 24; // px, height of a bar
const TOPS = { model: 22, matrices: 100, lora: 148, modules: 226 };
const THINNEST_BAR = 3; // px: thinner than this nothing would be seen
const GLYPH = 7; // px, width of a letter in a module's name

const bar = (row, left, width) => ({ left, right: left + width, top: TOPS[row], bottom: TOPS[row] + BAR });

function lens(from, to) {
  return { xs: [from.left, from.right, to.right, to.left], ys: [from.bottom, from.bottom, to.top, to.top] };
}

/** LoRA's bar divided among its modules, in proportion; a name where there is room for it. */
function divided(parts, count, width) {
  let left = 0;
  return parts.map(({ name, role, count: own }) => {
    const segment = { ...bar("modules", left, (width * own) / count), name, count: own };
    left = segment.right;
    const room = Math.floor((segment.right - segment.left) / GLYPH);
    return { ...segment, text: [name, role].find((label) => label.length <= room) ?? "" };
  });
}

/** The bars, their lenses, how much each row is magnified, and which rows name a bar drawn wider. */
export function layoutBudget({ width, parameters, whole, trainable, parts }) {
  const most = Math.max(whole, trainable);
  const widths = { matrices: (width * whole) / parameters, lora: (width * trainable) / most };
  const model = bar("model", 0, width);
  const part = bar("model", 0, Math.max(widths.matrices, THINNEST_BAR));
  const matrices = bar("matrices", 0, (width * whole) / most);
  const lora = bar("lora", 0, Math.max(widths.lora, THINNEST_BAR));
  return {
    model,
    part,
    matrices,
    lora,
    modules: divided(parts, trainable, width),
    thin: Object.keys(widths).filter((row) => widths[row] < THINNEST_BAR),
    lenses: [lens(part, matrices), lens(lora, bar("modules", 0, width))],
    factors: { matrices: parameters / most, modules: most / trainable },
    tops: TOPS,
  };
}
