import { h } from "../shared/dom.mjs";
import { sourceList } from "./act.mjs";

// The instructor's page: what is learned, by what, how long it takes, and all the answers.

const items = (texts) => h("ul", {}, ...texts.map((text) => h("li", {}, text)));

function table(caption, heads, rows, kind) {
  const head = h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)));
  const body = rows.map(([first, ...rest]) =>
    h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((text) => h("td", {}, text))),
  );
  return h(
    "table",
    { class: kind },
    h("caption", {}, caption),
    h("thead", {}, head),
    h("tbody", {}, ...body),
  );
}

/** The right answer to a question, in words. */
export function answerInWords({ kind, options, fields, answer, tolerance }) {
  if (kind === "choice") return options.find(({ key }) => key === answer).text;
  const number = (x) => String(Number(x.toPrecision(4)));
  const within = tolerance ? `, within ${number(tolerance)}` : "";
  return fields.map(({ key, label }) => `${label}: ${number(answer[key])}`).join("; ") + within;
}

const pairs = (texts, kind) =>
  h(
    "dl",
    { class: kind },
    ...texts.map(([first, second]) => h("div", {}, h("dt", {}, first), h("dd", {}, second))),
  );

const questions = (asked) => pairs(asked.map(({ question, answer }) => [question, answer]));

/** The page itself; it never changes. */
export function guidePanel(guide, acts, sources) {
  const answers = acts.map((act, i) => [
    `${i + 1}. ${act.title}`,
    act.question.ask,
    answerInWords(act.question),
  ]);
  const print = h("button", { type: "button", onclick: () => window.print() }, "Print this page");
  const part = (title, ...content) => h("section", {}, h("h3", {}, title), ...content);
  return h(
    "article",
    { class: "card guide" },
    h("header", {}, h("h2", { tabindex: "-1" }, "For instructors"), print),
    h("p", {}, guide.about),
    part("Objectives", items(guide.objectives)),
    part(
      "Activities and timing",
      table(guide.timing, ["part", "acts", "minutes", "activity"], guide.activities, "timing"),
    ),
    part(
      "Answers to the acts",
      table("Computed, as the lesson checks them", ["act", "question", "answer"], answers),
    ),
    part("Assessment", questions(guide.assessment)),
    part("For discussion", questions(guide.discussion)),
    part(
      "Glossary",
      pairs(
        guide.glossary.map(({ term, meaning }) => [term, meaning]),
        "glossary",
      ),
    ),
    part("Sources", sourceList(Object.keys(sources), sources)),
  );
}
