import { h } from "../shared/dom.mjs";

// The form of a question: native fields in a fieldset, whose legend is the question.

let forms = 0;

function choiceForm({ options }) {
  const group = `answer-${++forms}`;
  const radios = options.map(({ key }) => ({
    key,
    input: h("input", { type: "radio", name: group, value: key }),
  }));
  return {
    fields: radios.map(({ input }, i) =>
      h("label", { class: "option" }, input, h("span", {}, options[i].text)),
    ),
    read: () => radios.find(({ input }) => input.checked)?.key ?? null,
    write: (given) =>
      radios.forEach(({ key, input }) => {
        input.checked = key === given;
      }),
  };
}

function numberForm({ fields }) {
  const inputs = fields.map(({ step }) => h("input", { type: "number", step, autocomplete: "off" }));
  return {
    fields: inputs.map((input, i) =>
      h("label", { class: "number-field" }, h("span", {}, fields[i].label), input),
    ),
    read: () => Object.fromEntries(fields.map(({ key }, i) => [key, inputs[i].valueAsNumber])),
    write: (given) =>
      inputs.forEach((input, i) => {
        input.value = given?.[fields[i].key] ?? "";
      }),
  };
}

/** The fieldset of a question, with read() → answer and write(answer). */
export function questionForm(question, stateOf) {
  // A task has no fields: its answer is the state of the live view.
  const task = { fields: [], read: () => stateOf(question), write: () => {} };
  const form = { choice: choiceForm, number: numberForm, task: () => task }[question.kind](question);
  const element = h("fieldset", {}, h("legend", {}, question.ask), ...form.fields);
  return { element, read: form.read, write: form.write };
}
