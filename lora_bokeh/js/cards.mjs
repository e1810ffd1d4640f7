import { situation } from "./arithmetic.mjs";
import { CurveView } from "./curve.mjs";
import { FactorsView } from "./factors.mjs";
import { mapTitles } from "./inside.mjs";
import { MapView } from "./map.mjs";
import { figureCard } from "./panels.mjs";
import { saveMenu } from "./save.mjs";
import { curveTables } from "./table.mjs";
import { pictureWords } from "./wording.mjs";

/** Draw a picture's figure from the state, to the picture's own size. */
const ARRANGE = {
  factors: (figure, data) => new FactorsView(figure).show(situation(data), { texture: data.texture, showFull: data.show_full_matrix, transition: null }),
  curve: (figure, data) => new CurveView(figure).show(situation(data), { transition: null }),
  map: (figure, data) => new MapView(figure).show(data),
};

/** The card of one of an explorer's figures, with the menu that saves it. */
export function cardOf(kind, heading, model, data, say) {
  if (!model[kind]) return null;
  const ofMatrix = () => pictureWords(situation(data), kind, heading, model.factors ? "ΔW" : "W");
  const ofFile = () => ({ parts: [heading], title: [heading, `${data.index.length} matrices`] });
  const words = kind === "map" ? ofFile : ofMatrix;
  const describe = () => ({ ...words(), arrange: (figure) => ARRANGE[kind](figure, data) });
  const tables = kind === "curve" ? curveTables(() => situation(data).curve) : {};
  return figureCard(kind, heading, model.get_child(kind), saveMenu(model[kind], heading, describe, { tables, say }));
}

const MAPS = { "map-w": "the matrix", "map-r": "its approximation", "map-error": "the error", "map-b": "B", "map-a": "A" };

/** The menu that saves one of the heat maps. */
export function mapMenu(figure, model, data, say) {
  const symbol = model.factors ? "ΔW" : "W";
  const describe = () => {
    const now = situation(data);
    const known = Math.min(now.rank, now.curve.inside.left.shape[0]);
    const { parts, title } = pictureWords(now, figure.name, mapTitles(now, known, symbol)[figure.name], symbol);
    return { parts, title };
  };
  return saveMenu(figure, MAPS[figure.name], describe, { say });
}
