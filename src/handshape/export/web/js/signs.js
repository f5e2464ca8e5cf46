/** A recogniser's signs and those that are added: from examples to a classifier of all of them. */

import { addOuter, logSumExp } from "./matrix.js";
import { PoseClassifier } from "./pose_classifier.js";

/**
 * @typedef {object} Example A photo of a sign, as far as a classifier of hands uses it.
 * @property {string} label
 * @property {string} signer
 * @property {boolean} found Whether a hand was found.
 * @property {ArrayLike<number>} row (88) landmarks and embedding; all 0 where no hand was found.
 * @property {ArrayLike<number>} mirrored (25) embedding of the mirror image.
 *
 * @typedef {object} Base What `signs.json` says: the statistics of the recogniser that signs are added to.
 * @property {string[]} labels
 * @property {number} temperature
 * @property {number} calibration Divides the log-probabilities.
 * @property {import("./pose_classifier.js").Widths} widths
 * @property {import("./pose_classifier.js").Settings} settings
 * @property {Record<string, Float64Array>} arrays
 */

/**
 * @param {any} told The content of `signs.json`.
 * @returns {Base}
 */
export function readSigns({ fit, arrays, ...rest }) {
  const unpack = (/** @type {{float32: string}} */ { float32 }) => {
    const view = new DataView(Uint8Array.from(atob(float32), (one) => one.charCodeAt(0)).buffer);
    return Float64Array.from({ length: view.byteLength / 4 }, (_, index) => view.getFloat32(4 * index, true));
  };
  const packed = /** @type {[string, any][]} */ (Object.entries(arrays));
  return { ...rest, settings: fit, arrays: Object.fromEntries(packed.map(([name, array]) => [name, unpack(array)])) };
}

/** A classifier of hands: of the base's labels, and of those of some examples. */
export class Signs {
  /**
   * Fit it: each label of the examples is one more handshape.
   * @param {Base} base
   * @param {Example[]} examples
   */
  constructor(base, examples) {
    this.base = base;
    const added = [...new Set(examples.map(({ label }) => label))].sort();
    this.labels = [...new Set([...base.labels, ...added])].sort();
    const { counts, means, membership, landmark_scatter: landmarks, embedding_scatter: embeddings } = base.arrays;
    const own = added.map((label) => count(base, examples.filter((one) => one.found && one.label === label)));
    const scatter = (/** @type {Float64Array} */ sums, /** @type {"landmarkScatter" | "embeddingScatter"} */ name) => (
      sums.map((sum, index) => own.reduce((total, one) => total + one[name][index], sum))
    );
    const known = Array.from(counts, (_, shape) => this.weights(base.labels, membership, shape));
    this.pose = new PoseClassifier(base.settings, base.widths, base.arrays.spread);
    this.pose.fit({
      counts: Float64Array.of(...counts, ...own.map((one) => one.count)),
      means: joined([means, ...own.map((one) => one.mean)]),
      membership: joined([...known, ...added.map((label) => this.weights([label], [0], 0))]),
      landmarkScatter: scatter(landmarks, "landmarkScatter"),
      embeddingScatter: scatter(embeddings, "embeddingScatter"),
    }, base.temperature);
    const rates = this.labels.map((label) => rateOf(base, label, examples.filter((one) => one.label === label)));
    this.logFound = rates.map(([found]) => found);
    this.logMissed = rates.map(([, missed]) => missed);
  }

  /** Whether a hand is found in most photos of the mean label. */
  get expectsHand() {
    return this.logFound.reduce((sum, found) => sum + Math.exp(found), 0) / this.labels.length > 0.5;
  }

  /**
   * Return the (K) log-probabilities of the labels.
   * @param {ArrayLike<number>} row (88), all 0 where no hand was found.
   */
  logProbabilities(row) {
    let logits = this.logMissed;
    if (Array.prototype.some.call(row, (number) => number !== 0)) {
      const pose = this.pose.logits(row);
      const all = logSumExp(pose);
      logits = this.logFound.map((found, index) => pose[index] - all + found);
    }
    const calibrated = logits.map((logit) => logit / this.base.calibration);
    const all = logSumExp(calibrated);
    return calibrated.map((logit) => logit - all);
  }

  /**
   * Return the log-weights of a handshape in all labels, from those in some of them.
   * @param {string[]} labels
   * @param {ArrayLike<number>} membership A row of them for each handshape.
   * @param {number} shape
   */
  weights(labels, membership, shape) {
    const row = new Float64Array(this.labels.length).fill(this.base.settings.never);
    labels.forEach((label, index) => (row[this.labels.indexOf(label)] = membership[shape * labels.length + index]));
    return row;
  }
}

/**
 * Return the log-probabilities that a hand is found in a photo of a label, and that none is; those of the base stay.
 * @param {Base} base
 * @param {string} label
 * @param {Example[]} photos Of this label.
 */
function rateOf({ labels, arrays }, label, photos) {
  const known = labels.indexOf(label);
  if (known >= 0) return [arrays.log_found[known], arrays.log_missed[known]];
  const hits = photos.filter(({ found }) => found).length;
  // Additive smoothing: what always happened need not happen again.
  return [hits, photos.length - hits].map((times) => Math.log((times + 1) / (photos.length + 2)));
}

/**
 * Return the statistics of one handshape.
 * @param {Base} base
 * @param {Example[]} hands
 */
function count({ widths: { landmarks, embedding } }, hands) {
  const rows = hands.map(({ row }) => Float64Array.from({ length: landmarks }, (_, index) => row[index]));
  const rests = hands.flatMap(({ row, mirrored }) => [
    Float64Array.from({ length: embedding }, (_, index) => row[landmarks + index]), Float64Array.from(mirrored),
  ]);
  const [first, second] = [deviations(rows, landmarks), deviations(rests, embedding)];
  return { count: hands.length, mean: joined([first.mean, second.mean]), landmarkScatter: first.scatter, embeddingScatter: second.scatter };
}

/**
 * @param {Float64Array[]} rows
 * @param {number} width
 */
function deviations(rows, width) {
  const mean = new Float64Array(width);
  for (const row of rows) for (let index = 0; index < width; index += 1) mean[index] += row[index] / rows.length;
  const scatter = new Float64Array(width * width);
  for (const row of rows) addOuter(scatter, row.map((along, index) => along - mean[index]));
  return { mean, scatter };
}

/** @param {Float64Array[]} parts */
function joined(parts) {
  return Float64Array.from(parts.flatMap((part) => [...part]));
}
