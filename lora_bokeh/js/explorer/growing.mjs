import { extendTerms } from "../heatmaps/blocks.mjs";
import { QUIET } from "../shared/figures.mjs";

const PATIENCE = 3000; // ms without news of a running computation before the page asks for them

/** Let the targets of a page grow as they are computed. What was lost while it loaded is asked for. */
export function keepGrowing(model, data) {
  let [timer, asked] = [null, 0];
  const ask = (name) => {
    data.look = { name, from: data.targets[name].inside.left.shape[0], asked: ++asked };
  };
  const wait = () => {
    clearTimeout(timer);
    const { name, running } = data.progress;
    if (data.hosted && running && name in data.targets)
      timer = setTimeout(() => {
        ask(name);
        wait();
      }, PATIENCE);
  };
  const take = () => {
    const { targets, growth } = data;
    const { terms, progress = data.progress, ...news } = growth;
    if (!(news.name in targets)) return;
    const { inside } = targets[news.name];
    if (terms.from > inside.left.shape[0] && data.hosted) ask(news.name);
    const grown = { ...targets[news.name], ...news, inside: extendTerms(inside, terms) };
    data.setv({ targets: { ...targets, [news.name]: grown }, progress }, QUIET);
    wait();
  };
  model.on("growth", take);
  model.on("progress", wait);
  model.on("remove", () => clearTimeout(timer));
  wait();
}
