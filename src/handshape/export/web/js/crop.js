/**
 * Cuts a rotated square out of an image as Pillow does it: `Image.reduce`, then `Image.transform` with an
 * affine map and bilinear interpolation.
 *
 * Source: src/libImaging/Reduce.c and Geometry.c of Pillow.
 */

/** @typedef {import("./resize.js").Pixels} Pixels */

/** @typedef {[number, number, number, number]} Box x and y of a square's middle, its side, and its clockwise rotation in radians. */

// Gamma by which photos are lightened.
const GAMMA = 0.5;
const LIGHTER = Uint8Array.from({ length: 256 }, (_, level) => Math.round(255 * (level / 255) ** GAMMA));

/**
 * Cut a rotated square out of an image; black where there is nothing to cut out.
 * @param {Pixels} image
 * @param {Box} box In pixels.
 * @param {number} size Side of the crop in its own pixels.
 * @param {boolean} lighter Whether it is lightened.
 * @returns {Uint8Array} RGB, row by row.
 */
export function cut(image, [x, y, side, rotation], size, lighter) {
  const whole = Math.trunc(Math.min(side / size, image.width / 2, image.height / 2));
  if (whole > 1) { // pixels are averaged before they are left out
    image = reduce(image, whole);
    [x, y, side] = [x / whole, y / whole, side / whole];
  }
  const step = Math.max(side, 1e-3) / size;
  const cos = step * Math.cos(rotation);
  const sin = step * Math.sin(rotation);
  const half = size / 2;
  const crop = transform(image, size, [cos, -sin, x - half * (cos - sin), sin, cos, y - half * (sin + cos)]);
  if (lighter) for (let index = 0; index < crop.length; index += 1) crop[index] = LIGHTER[crop[index]];
  return crop;
}

/**
 * Average blocks of pixels.
 * @param {Pixels} image
 * @param {number} factor Side of a block; blocks at the right and lower edge may be smaller.
 * @returns {Pixels}
 */
export function reduce({ data, height, width }, factor) {
  const across = Math.ceil(width / factor);
  const down = Math.ceil(height / factor);
  const made = new Uint8Array(across * down * 3);
  const sums = new Uint32Array(across * 3);
  for (let row = 0; row < down; row += 1) {
    const end = Math.min(height, (row + 1) * factor);
    sums.fill(0);
    for (let y = row * factor; y < end; y += 1) {
      let from = y * width * 3;
      for (let column = 0; column < across; column += 1) {
        const last = Math.min(width, (column + 1) * factor);
        let red = 0, green = 0, blue = 0;
        for (let x = column * factor; x < last; x += 1, from += 3) {
          red += data[from];
          green += data[from + 1];
          blue += data[from + 2];
        }
        sums[3 * column] += red;
        sums[3 * column + 1] += green;
        sums[3 * column + 2] += blue;
      }
    }
    const rows = end - row * factor;
    for (let column = 0; column < across; column += 1) {
      const pixels = rows * (Math.min(width, (column + 1) * factor) - column * factor);
      for (let index = 3 * column; index < 3 * column + 3; index += 1) {
        made[row * across * 3 + index] = average(sums[index], pixels);
      }
    }
  }
  return { data: made, height: down, width: across };
}

/**
 * Divide by a number of pixels: in 24 bits, with a multiplier of single precision.
 * @param {number} sum
 * @param {number} pixels
 */
function average(sum, pixels) {
  const multiplier = Math.trunc(Math.fround(2 ** 32 / Math.fround(256 * pixels)));
  return Math.imul(sum + (pixels >> 1), multiplier) >>> 24;
}

/**
 * Look up each pixel of a square in an image.
 * @param {Pixels} image
 * @param {number} size Side of the square.
 * @param {number[]} map From a place in the square to one in the image: x = a * x + b * y + c, y = d * x + e * y + f.
 * @returns {Uint8Array} RGB, row by row; 0 outside of the image.
 */
export function transform({ data, height, width }, size, [a, b, c, d, e, f]) {
  const made = new Uint8Array(size * size * 3);
  const row = width * 3;
  let to = 0;
  for (let line = 0; line < size; line += 1) {
    for (let column = 0; column < size; column += 1, to += 3) {
      const x = a * (column + 0.5) + b * (line + 0.5) + c;
      const y = d * (column + 0.5) + e * (line + 0.5) + f;
      if (!(x >= 0 && x < width && y >= 0 && y < height)) continue;
      const left = Math.floor(x - 0.5);
      const top = Math.floor(y - 0.5);
      const right = x - 0.5 - left;
      const down = y - 0.5 - top;
      const near = left < 0 ? 0 : left * 3; // pixels at the edge go on beyond it
      const far = left + 1 < width ? (left + 1) * 3 : near;
      const upper = top < 0 ? 0 : top * row;
      const lower = top + 1 < height ? (top + 1) * row : upper;
      for (let channel = 0; channel < 3; channel += 1) {
        const first = data[upper + near + channel];
        const second = data[lower + near + channel];
        const above = first + (data[upper + far + channel] - first) * right;
        const below = second + (data[lower + far + channel] - second) * right;
        made[to + channel] = above + (below - above) * down; // truncated to a byte
      }
    }
  }
  return made;
}
