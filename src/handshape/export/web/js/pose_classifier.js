/** The Gaussian classifier of hands: what models/hand/pose_classifier.py does, in double precision. */

import { addOuter, logSumExp, timesUpper, whitening } from "./matrix.js";

/**
 * @typedef {object} Statistics What the classifier is fitted to: M handshapes of K labels.
 * @property {Float64Array} counts (M) hands of each handshape.
 * @property {Float64Array} means (M * 88) mean landmarks and embedding of each.
 * @property {Float64Array} membership (M * K) log-weight of each handshape in each label.
 * @property {Float64Array} landmarkScatter (63 * 63) summed products of deviations from these means.
 * @property {Float64Array} embeddingScatter (25 * 25) the same of the embedding, over photos and their mirror images.
 *
 * @typedef {object} Settings The numbers of the fit: `fit_settings` in Python.
 * @property {number[]} yaws Degrees.
 * @property {number} rotation Degrees.
 * @property {number} shift
 * @property {number} people
 * @property {number} embedding_spread
 * @property {number} embedding_weight
 * @property {number} nowhere
 * @property {number} never
 *
 * @typedef {object} Widths
 * @property {number} landmarks Three for each landmark.
 * @property {number} embedding
 */

export class PoseClassifier {
  /**
   * @param {Settings} settings
   * @param {Widths} widths
   * @param {Float64Array} spread (42 * 42) covariance over people who show the same sign.
   */
  constructor(settings, widths, spread) {
    this.settings = settings;
    this.widths = widths;
    this.spread = spread;
    this.flat = (2 * widths.landmarks) / 3;
    this.shapes = 0;
    this.labels = 0;
    /** @type {Float64Array} */
    this.membership = new Float64Array();
    this.whiten = new Float64Array();
    this.whitenEmbedding = new Float64Array();
    /** @type {Float64Array[]} Of each yaw, then each handshape: its whitened mean. */
    this.rotatedMeans = [];
    /** @type {Float64Array[]} Of each handshape. */
    this.embeddingMeans = [];
  }

  /**
   * Fit to the statistics of each handshape.
   * @param {Statistics} statistics
   * @param {number} temperature Divides all log-densities.
   */
  fit({ counts, means, membership, landmarkScatter, embeddingScatter }, temperature) {
    const { landmarks: width, embedding } = this.widths;
    const { settings, flat } = this;
    this.shapes = counts.length;
    this.membership = membership;
    this.labels = membership.length / counts.length;
    const total = counts.reduce((sum, count) => sum + count, 0);
    const hand = (/** @type {number} */ shape) => means.subarray(shape * (width + embedding), shape * (width + embedding) + width);
    const rest = (/** @type {number} */ shape) => means.subarray(shape * (width + embedding) + width, (shape + 1) * (width + embedding));

    const within = landmarkScatter.map((sum) => sum / total);
    const second = within.slice();
    counts.forEach((count, shape) => addOuter(second, hand(shape), count / total));
    const turned = rotationsOf(second, width);
    const angle = settings.rotation * (Math.PI / 180);
    const covariance = new Float64Array(flat * flat);
    for (let row = 0; row < flat; row += 1) {
      for (let column = 0; column < flat; column += 1) {
        const from = placeOf(row) * width + placeOf(column);
        const own = row === column ? settings.shift ** 2 : 0;
        const people = settings.people * this.spread[row * flat + column];
        covariance[row * flat + column] = temperature * (within[from] + angle ** 2 * turned[from] + own + people);
      }
    }
    this.whiten = whitening(covariance, flat);
    const ofEmbedding = embeddingScatter.map((sum, index) => {
      const own = index % (embedding + 1) === 0 ? settings.embedding_spread : 0;
      return (temperature / settings.embedding_weight) * (sum / (2 * total) + own);
    });
    this.whitenEmbedding = whitening(ofEmbedding, embedding);

    const shapes = Array.from(counts, (count, shape) => ({ absent: count === 0, shape }));
    this.rotatedMeans = settings.yaws.flatMap((degrees) => shapes.map(({ absent, shape }) => (
      absent ? new Float64Array(flat).fill(settings.nowhere) : timesUpper(flatOf(rotate(hand(shape), degrees)), this.whiten, flat)
    )));
    this.embeddingMeans = shapes.map(({ absent, shape }) => (
      absent ? new Float64Array(embedding).fill(settings.nowhere) : timesUpper(rest(shape), this.whitenEmbedding, embedding)
    ));
  }

  /**
   * Return the (K) logits of a hand.
   * @param {ArrayLike<number>} row (88) landmarks and embedding, as `normalise` gives them.
   */
  logits(row) {
    const { landmarks: width, embedding } = this.widths;
    const hand = Array.from({ length: width }, (_, index) => row[index]);
    const seen = [flatOf(hand), flatOf(mirror(hand))].map((one) => timesUpper(one, this.whiten, this.flat));
    const rest = timesUpper(Array.from({ length: embedding }, (_, index) => row[width + index]), this.whitenEmbedding, embedding);
    const yaws = this.settings.yaws.length;
    const densities = new Float64Array(2 * yaws);
    const byShape = new Float64Array(this.shapes);
    for (let shape = 0; shape < this.shapes; shape += 1) {
      for (let yaw = 0; yaw < yaws; yaw += 1) {
        const mean = this.rotatedMeans[yaw * this.shapes + shape];
        densities[2 * yaw] = -distance(seen[0], mean) / 2;
        densities[2 * yaw + 1] = -distance(seen[1], mean) / 2;
      }
      byShape[shape] = logSumExp(densities) - distance(rest, this.embeddingMeans[shape]) / 2;
    }
    const own = new Float64Array(this.shapes);
    return Float64Array.from({ length: this.labels }, (_, label) => {
      for (let shape = 0; shape < this.shapes; shape += 1) own[shape] = byShape[shape] + this.membership[shape * this.labels + label];
      return logSumExp(own);
    });
  }
}

/** @param {number} index Of x and y alone; returns that among x, y and depth. */
function placeOf(index) {
  return 3 * (index >> 1) + (index & 1);
}

/** @param {ArrayLike<number>} landmarks Returns x and y of each. */
function flatOf(landmarks) {
  return Float64Array.from({ length: (2 * landmarks.length) / 3 }, (_, index) => landmarks[placeOf(index)]);
}

/** @param {number[]} landmarks Returns those of the mirror image. */
function mirror(landmarks) {
  return landmarks.map((along, index) => (index % 3 === 0 ? -along : along));
}

/**
 * @param {ArrayLike<number>} landmarks
 * @param {number} degrees Around the vertical.
 */
function rotate(landmarks, degrees) {
  const cos = Math.cos(degrees * (Math.PI / 180));
  const sin = Math.sin(degrees * (Math.PI / 180));
  const made = new Float64Array(landmarks.length);
  for (let index = 0; index < landmarks.length; index += 3) {
    const [x, z] = [landmarks[index], landmarks[index + 2]];
    made[index] = cos * x + sin * z;
    made[index + 1] = landmarks[index + 1];
    made[index + 2] = cos * z - sin * x;
  }
  return made;
}

/**
 * How products of landmarks change where hands are rotated a little: summed over the three axes, for each the matrix
 * R S R' with R the rotation of every landmark by a right angle about it, and nothing along it.
 * @param {Float64Array} second (width * width)
 * @param {number} width
 */
function rotationsOf(second, width) {
  const made = new Float64Array(width * width);
  for (const [first, other] of [[1, 2], [2, 0], [0, 1]]) {
    // A row of R has one number: minus one from `other` to `first`, one from `first` to `other`.
    const from = (/** @type {number} */ axis) => (axis === first ? [other, -1] : axis === other ? [first, 1] : [0, 0]);
    for (let row = 0; row < width; row += 1) {
      const [above, upper] = from(row % 3);
      if (!upper) continue;
      const start = (row - (row % 3) + above) * width;
      for (let column = 0; column < width; column += 1) {
        const [beside, sign] = from(column % 3);
        if (sign) made[row * width + column] += upper * sign * second[start + column - (column % 3) + beside];
      }
    }
  }
  return made;
}

/**
 * @param {Float64Array} one
 * @param {Float64Array} other
 */
function distance(one, other) {
  let sum = 0;
  for (let index = 0; index < one.length; index += 1) sum += (one[index] - other[index]) ** 2;
  return sum;
}
