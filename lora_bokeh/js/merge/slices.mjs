const SLICE = 8; // ms of a computation at a time, so that the page stays live

/** Run a generator to its end. */
export function runThrough(work) {
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}

/** Run a generator in slices once `delay` ms have passed, then tell its value; returns how to give it up. */
export function runInSlices(work, delay, done) {
  const slice = () => {
    const end = performance.now() + SLICE;
    let step = work.next();
    while (!step.done && performance.now() < end) step = work.next();
    if (step.done) done(step.value);
    else timer = setTimeout(slice);
  };
  let timer = setTimeout(slice, delay);
  return () => clearTimeout(timer);
}
