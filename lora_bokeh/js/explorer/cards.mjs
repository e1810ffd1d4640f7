import { MapView, mapRanks } from "../adapter/map.mjs";
import { mapTitles } from "../heatmaps/panel.mjs";
import { showImage } from "../heatmaps/pictures.mjs";
import { situation } from "../shared/lora.mjs";
import { figureCard } from "../shared/panels.mjs";
import { saveMenu } from "../shared/save.mjs";
import { curveTables } from "../shared/table.mjs";
import { CurveView } from "./curve.mjs";
import { FactorsView } from "./factors.mjs";
import { pictureWords } from "./words.mjs";

/** Draw a picture's figure from the state, to the picture's own size. */
const ARRANGE = {
  factors: (figure, data) =>
    new FactorsView(figure).show(situation(data), {
      texture: data.texture,
      showFull: data.show_full_matrix,
      transition: null,
    }),
  curve: (figure, data) => new CurveView(figure).show(situation(data), { transition: null }),
};

/** The card of one of an explorer's figures, with the menu that saves it. */
export function cardOf(kind, heading, model, data, say) {
  if (!model[kind]) return null;
  const words = () => pictureWords(situation(data), kind, heading, model.factors ? "ΔW" : "W");
  const describe = () => ({ ...words(), arrange: (figure) => ARRANGE[kind](figure, data) });
  const tables = kind === "curve" ? curveTables(() => situation(data).curve) : {};
  return figureCard(
    kind,
    heading,
    model.get_child(kind),
    saveMenu(model[kind], heading, describe, { tables, say }),
  );
}

/** The card of the map by layer and module, headed by what it shows: ranks kept, or needed. */
export function mapCard(model, data, say) {
  if (!model.map) return null;
  const heading = () => `${mapRanks([], [], Boolean(data.plans.ways)).title}, by layer and module`;
  const arrange = (figure) => new MapView(figure).show(data);
  const describe = () => ({
    parts: [heading()],
    title: [heading(), `${data.index.length} matrices`],
    arrange,
  });
  const { element, rename } = figureCard(
    "map",
    heading(),
    model.get_child("map"),
    saveMenu(model.map, "Ranks by layer and module", describe, { say }),
  );
  return { element, show: () => rename(heading()) };
}

const MAPS = {
  "map-w": "the matrix",
  "map-r": "its approximation",
  "map-error": "the error",
  "map-b": "B",
  "map-a": "A",
};

/** The menu that saves one of the heat maps. */
export function mapMenu(figure, model, data, say) {
  const symbol = model.factors ? "ΔW" : "W";
  const describe = () => {
    const now = situation(data);
    const known = Math.min(now.rank, now.curve.inside.left.shape[0]);
    const { parts, title } = pictureWords(
      now,
      figure.name,
      mapTitles(now, known, symbol)[figure.name],
      symbol,
    );
    return { parts, title, arrange: showImage };
  };
  return saveMenu(figure, MAPS[figure.name], describe, { say });
}
