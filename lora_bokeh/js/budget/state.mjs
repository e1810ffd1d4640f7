// What LoRA trains of a model and what that costs: the formulas of trainable.py, for the page.
// A shape is [how many matrices, in, out]; a model's dimensions come from Python.

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
const shapesOf = (modules) => modules.flatMap((module) => module.shapes);

/** What LoRA of a rank trains in all the matrices of some modules. */
export function loraCount(modules, rank) {
  return rank * sum(shapesOf(modules).map(([matrices, input, output]) => matrices * (input + output)));
}

/** The entries of all the matrices of some modules. */
export function wholeCount(modules) {
  return sum(shapesOf(modules).map(([matrices, input, output]) => matrices * input * output));
}

/** Bytes that training holds, activations left out. */
export function trainingMemory(trained, frozen, dtype, optimizer, rules) {
  const size = rules.itemsize[dtype];
  return {
    frozen: size * frozen,
    weights: size * trained,
    gradients: size * trained,
    moments: rules.moments[optimizer] * rules.float32 * trained,
    copy: size < rules.float32 ? rules.float32 * trained : 0,
  };
}

export function totalBytes(memory) {
  return sum(Object.values(memory));
}

/** The modules of some names, or of some roles, in the model's order. */
export function modulesNamed(model, names) {
  return model.modules.filter((module) => names.includes(module.name));
}

export function modulesOf(model, roles) {
  return model.modules.filter((module) => roles.includes(module.role));
}

/** What is adapted where nothing else is said. */
export function usualModules(model, usual) {
  return usual.map((roles) => modulesOf(model, roles)).find((found) => found.length) ?? model.modules;
}

/** The targets in a new model that those in the old one amount to. */
export function targetsLike(from, to, names, usual) {
  if (names.length === from.modules.length) return to.modules.map((module) => module.name);
  const known = names.every((name) => to.modules.some((module) => module.name === name));
  return known ? names : usualModules(to, usual).map((module) => module.name);
}

/** The highest rank that any of the matrices of some modules can have. */
export function fullRank(modules) {
  return Math.max(...shapesOf(modules).map(([, input, output]) => Math.min(input, output)));
}

/** What a number of trainable parameters buys on other matrices; rank 0 where it is too small. */
export function sameBudget(model, budget, sets) {
  const offered = sets.filter((roles) =>
    roles.every((role) => model.modules.some((module) => module.role === role)),
  );
  const choices = offered.map((roles) => modulesOf(model, roles));
  if (!choices.some((modules) => modules.length === model.modules.length)) choices.push(model.modules);
  return choices.map((modules) => {
    const rank = Math.min(Math.floor(budget / loraCount(modules, 1)), fullRank(modules));
    return { modules, rank, trainable: loraCount(modules, rank) };
  });
}

/** Ranks that the slider stops at: 1, 2, 3, 4, 6, 8, 12, 16, … and the last. */
export function rankStops(end) {
  const stops = [1];
  for (let power = 2; power < end; power *= 2) stops.push(power, 1.5 * power);
  return [...stops.filter((rank) => rank < end), end];
}

/** The stop nearest to a rank, by ratio. */
export function nearestStop(stops, rank) {
  const distance = (i) => Math.abs(Math.log(stops[i] / rank));
  return stops.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
}

/** All that the page shows of a state. */
export function budgetNow({ models, model: name, targets, rank: asked, dtype, optimizer, rules }) {
  const model = models[name];
  const end = fullRank(model.modules);
  const rank = Math.min(Math.max(asked, 1), end);
  const modules = modulesNamed(model, targets);
  const [trainable, whole] = [loraCount(modules, rank), wholeCount(modules)];
  return {
    model,
    modules,
    rank,
    end,
    dtype,
    optimizer,
    trainable,
    whole,
    share: trainable / (model.parameters + trainable),
    savings: 1 - trainable / whole,
    breakEven: whole / loraCount(modules, 1),
    fileBytes: rules.itemsize[dtype] * trainable,
    lora: trainingMemory(trainable, model.parameters, dtype, optimizer, rules),
    full: trainingMemory(model.parameters, 0, dtype, optimizer, rules),
  };
}
