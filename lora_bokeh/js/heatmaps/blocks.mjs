// Pictures rebuilt from what the page holds of a matrix: its block means, and the pooled factors
// of its W_r. Pure: typed arrays in, typed arrays out. `left` is (k, p), `right` (k, q), row by row.

/** A typed array as the picture of so many rows and columns that Bokeh draws. */
export function shaped(values, rows, columns) {
  return Object.assign(values, { shape: [rows, columns], dimension: 2 });
}

/** What a part of a matrix holds: `known` terms of pictures with p rows and q columns. */
export function sizesOf({ left, right }) {
  return { known: left.shape[0], p: left.shape[1], q: right.shape[1] };
}

/** image += sign · Σ left_j ⊗ right_j over the terms j = from … to − 1. */
export function addTerms(image, part, from, to, sign) {
  const { left, right } = part;
  const { p, q } = sizesOf(part);
  for (let i = 0; i < p; i++) {
    const row = i * q;
    for (let j = from; j < to; j++) {
      const weight = sign * left[j * p + i];
      const term = j * q;
      for (let c = 0; c < q; c++) image[row + c] += weight * right[term + c];
    }
  }
  return image;
}

/** The picture of W_r of one part, kept: the next rank costs one outer product. */
export class Rebuilt {
  constructor(part) {
    const { p, q } = sizesOf(part);
    this.part = part;
    this.rank = 0;
    this.image = new Float64Array(p * q);
  }

  to(rank) {
    if (rank < Math.abs(rank - this.rank)) {
      this.image.fill(0);
      this.rank = 0;
    }
    const [from, to] = [Math.min(rank, this.rank), Math.max(rank, this.rank)];
    addTerms(this.image, this.part, from, to, Math.sign(rank - this.rank));
    this.rank = rank;
    return this.image;
  }
}

const sums = new WeakMap(); // by part

/** The block means of W itself; where the page holds none, all the terms make them up. */
export function meansOf(part) {
  if (part.mean) return part.mean;
  if (!sums.has(part)) sums.set(part, new Float32Array(new Rebuilt(part).to(sizesOf(part).known)));
  return sums.get(part);
}

/** One block of W_r. */
export function blockAt({ left, right }, i, j, rank) {
  const [p, q] = [left.shape[1], right.shape[1]];
  let sum = 0;
  for (let term = 0; term < rank; term++) sum += left[term * p + i] * right[term * q + j];
  return sum;
}

/** The first values of an array, as a view; `subarray` would not do with Bokeh's own arrays. */
function firstOf(array, count) {
  return new Float32Array(array.buffer, array.byteOffset, count);
}

/** B at a rank, its ranks side by side: the held terms lie one after another. */
export function columnsPicture({ left }, rank) {
  const p = left.shape[1];
  const image = new Float32Array(p * rank);
  for (let j = 0; j < rank; j++) for (let i = 0; i < p; i++) image[i * rank + j] = left[j * p + i];
  return shaped(image, p, rank);
}

/** A at a rank: the first of the held terms, as they lie. */
export function rowsPicture({ right }, rank) {
  const q = right.shape[1];
  return shaped(firstOf(right, rank * q), rank, q);
}

export function peakOf(...pictures) {
  let peak = 0;
  for (const picture of pictures) for (const value of picture) peak = Math.max(peak, Math.abs(value));
  return peak || 1;
}

/** The block of `count` that holds an entry of `size`; block i begins at ⌊i·size/count⌋. */
export function blockOf(entry, size, count) {
  return Math.ceil(((entry + 1) * count) / size) - 1;
}

/** First and last entry of a block. */
export function entriesOf(block, size, count) {
  return [Math.floor((block * size) / count), Math.floor(((block + 1) * size) / count) - 1];
}

/** A part with the terms that are new since, all from the first on that has moved; with a gap, as it is. */
export function extendTerms(part, { from, left, right }) {
  const known = part.left.shape[0];
  if (from > known || (from === known && left.shape[0] === 0)) return part;
  const join = (old, more) => {
    const [count, width] = [from + more.shape[0], old.shape[1]];
    const all = new Float32Array(count * width);
    all.set(firstOf(old, from * width));
    all.set(more, from * width);
    return shaped(all, count, width);
  };
  return { ...part, left: join(part.left, left), right: join(part.right, right) };
}
