/**
 * Pillow's resize with the bilinear filter, to the byte: weights rounded to 22 bits, then a horizontal and a
 * vertical pass of integers, each rounded to bytes.
 *
 * Source: src/libImaging/Resample.c of Pillow.
 */

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/**
 * @typedef {object} Pixels An image.
 * @property {Uint8Array} data RGB, row by row.
 * @property {number} height
 * @property {number} width
 *
 * @typedef {object} Weights One axis of a resize.
 * @property {Int32Array} first Of each output, its first input.
 * @property {Int32Array} count Of each output, its number of inputs.
 * @property {Int32Array} weights Of each output, `most` weights.
 * @property {number} most
 */

/**
 * Resize an image, antialiased.
 * @param {Pixels} image
 * @param {number} width
 * @param {number} height
 * @returns {Pixels}
 */
export function resize(image, width, height) {
  const wide = image.width === width ? image : horizontal(image, axis(image.width, width));
  return wide.height === height ? wide : vertical(wide, axis(image.height, height));
}

/** @type {Map<string, Weights>} Of the last sizes: frames of a camera have one size. */
const kept = new Map();

/**
 * @param {number} before
 * @param {number} after
 */
function axis(before, after) {
  const key = `${before} ${after}`;
  let found = kept.get(key);
  if (!found) {
    if (kept.size >= 8) kept.clear();
    kept.set(key, (found = weigh(before, after)));
  }
  return found;
}

/**
 * @param {number} before
 * @param {number} after
 * @returns {Weights}
 */
function weigh(before, after) {
  const scale = before / after;
  const support = Math.max(scale, 1); // of the filter, in inputs
  const most = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(after);
  const count = new Int32Array(after);
  const weights = new Int32Array(after * most);
  const row = new Float64Array(most);
  for (let output = 0; output < after; output += 1) {
    const centre = (output + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const inputs = Math.min(before, Math.trunc(centre + support + 0.5)) - low;
    let total = 0;
    for (let input = 0; input < inputs; input += 1) {
      row[input] = Math.max(0, 1 - Math.abs((input + low - centre + 0.5) * (1 / support)));
      total += row[input];
    }
    first[output] = low;
    count[output] = inputs;
    for (let input = 0; input < inputs; input += 1) {
      const share = total === 0 ? row[input] : row[input] / total;
      weights[output * most + input] = Math.trunc(0.5 + share * (1 << PRECISION));
    }
  }
  return { first, count, weights, most };
}

/**
 * @param {Pixels} image
 * @param {Weights} axis
 * @returns {Pixels}
 */
function horizontal({ data, height, width }, { first, count, weights, most }) {
  const after = first.length;
  const made = new Uint8Array(height * after * 3);
  let to = 0;
  for (let row = 0; row < height; row += 1) {
    const start = row * width * 3;
    for (let output = 0; output < after; output += 1, to += 3) {
      let from = start + first[output] * 3;
      let red = HALF, green = HALF, blue = HALF;
      const end = output * most + count[output];
      for (let index = output * most; index < end; index += 1, from += 3) {
        const weight = weights[index];
        red += data[from] * weight;
        green += data[from + 1] * weight;
        blue += data[from + 2] * weight;
      }
      made[to] = red >> PRECISION;
      made[to + 1] = green >> PRECISION;
      made[to + 2] = blue >> PRECISION;
    }
  }
  return { data: made, height, width: after };
}

/**
 * @param {Pixels} image
 * @param {Weights} axis
 * @returns {Pixels}
 */
function vertical({ data, width }, { first, count, weights, most }) {
  const after = first.length;
  const row = width * 3;
  const made = new Uint8Array(after * row);
  const sums = new Int32Array(row);
  for (let output = 0; output < after; output += 1) {
    sums.fill(HALF);
    for (let input = 0; input < count[output]; input += 1) {
      const weight = weights[output * most + input];
      const start = (first[output] + input) * row;
      for (let column = 0; column < row; column += 1) sums[column] += data[start + column] * weight;
    }
    const to = output * row;
    for (let column = 0; column < row; column += 1) made[to + column] = sums[column] >> PRECISION;
  }
  return { data: made, height: after, width };
}
