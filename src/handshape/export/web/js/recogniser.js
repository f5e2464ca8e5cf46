/** The recogniser: its graphs, and what decides between them. */

import { HandFinder, HandTracker, halves, isFound, normalise } from "./hand_finder.js";
import { isNothing } from "./prediction.js";
import { resize } from "./resize.js";

/**
 * @typedef {import("./hand_finder.js").Hand} Hand
 * @typedef {import("./resize.js").Pixels} Pixels
 *
 * @typedef {object} Tensor An input or output of a graph.
 * @property {"float32" | "uint8" | "bool"} type
 * @property {any} data Float32Array, or Uint8Array for the other types.
 * @property {readonly number[]} dims
 *
 * @typedef {(inputs: Record<string, Tensor>) => Promise<Record<string, Tensor>>} Graph
 *
 * @typedef {object} Graphs Those that the recogniser has.
 * @property {Graph} [palm]
 * @property {Graph} [hand]
 * @property {Graph} [image]
 * @property {Graph} head
 *
 * @typedef {object} Description What decides about an answer.
 * @property {string[]} labels
 * @property {number} threshold Probability below which the label is "unsure".
 * @property {boolean} expects_hand Whether the label is "no hand" where none is found.
 *
 * @typedef {object} Answer
 * @property {string} label The most probable label, "no hand", or "unsure".
 * @property {number} probability Of the most probable label, 0 to 1.
 * @property {boolean} sure Whether it reaches the threshold and the label is an answer.
 * @property {[string, number][]} top The three most probable labels, best first.
 * @property {number[]} probabilities K, in class order.
 * @property {[number, number][] | null} hand 21 landmarks in shares of the photo's width and height; null where
 *   no hand was found, or none was looked for.
 * @property {boolean | null} hand_found Whether a hand was found; null where none was looked for.
 * @property {boolean | null} right_hand Whether it is a right hand, as others see it; null where no hand was found.
 */

// Frames for which image features are used at most.
const FRAMES = 4;

export class Recogniser {
  /**
   * @param {Graphs} graphs
   * @param {number} size Side of the images that its network takes.
   * @param {Description} description
   */
  constructor(graphs, size, description) {
    this.graphs = graphs;
    this.size = size;
    this.startedWith = description;
    this.description = description;
    /** @type {import("./signs.js").Signs | null} Classifies hands in place of the graphs, once signs were added. */
    this.signs = null;
    const { palm, hand } = graphs;
    this.finder = palm && hand ? new HandFinder(handGraphs(palm, hand)) : null;
    this.tracker = this.finder && new HandTracker(this.finder);
    /** @type {{features: Tensor, frames: number, best: number} | null} Of an earlier frame with a hand. */
    this.kept = null;
  }

  /** Begin a stream: forget the frames of an earlier one. */
  reset() {
    this.tracker?.reset();
    this.kept = null;
  }

  /**
   * Classify with added signs from now on, or as at the start.
   * @param {import("./signs.js").Signs | null} signs
   * @returns {Description}
   */
  use(signs) {
    this.signs = signs;
    this.kept = null;
    this.description = this.startedWith;
    if (signs) this.description = { labels: signs.labels, threshold: this.startedWith.threshold, expects_hand: signs.expectsHand };
    return this.description;
  }

  /**
   * Predict a photo.
   * @param {Pixels} image
   * @returns {Promise<Answer>}
   */
  async photo(image) {
    const hand = this.finder && (await this.finder.find(image));
    return this.answer(image, hand, await this.classify(await this.features(image), hand));
  }

  /**
   * Find the hand in a photo, as examples of a sign hold it.
   * @param {Pixels} image
   */
  async hand(image) {
    if (!this.finder) throw new Error("This recogniser does not use hands, so no signs can be added to it.");
    const { hand, mirrored } = await this.finder.findWithMirrored(image);
    const found = isFound(hand);
    const rest = found ? halves(mirrored) : new Float32Array(mirrored.length);
    return { found, row: normalise(hand), mirrored: rest, hand: found ? placesOf(hand, image) : null };
  }

  /**
   * Predict the next frame of a stream.
   *
   * The landmarks are found in every frame. Image features of a frame with a hand stand for those of the next
   * three as well, as long as the landmarks in these do not change the most probable label; they are computed at
   * once where it changes, and where no hand is found. Models without landmarks compute them for every frame.
   * @param {Pixels} image
   * @returns {Promise<Answer>}
   */
  async frame(image) {
    if (!this.tracker) return this.answer(image, null, await this.classify(await this.features(image), null));
    const hand = await this.tracker.find(image);
    if (!isFound(hand)) this.kept = null;
    if (this.kept && this.kept.frames < FRAMES) {
      const probabilities = await this.classify(this.kept.features, hand);
      this.kept.frames += 1;
      if (best(probabilities) === this.kept.best) return this.answer(image, hand, probabilities);
    }
    const features = await this.features(image);
    const probabilities = await this.classify(features, hand);
    if (features && isFound(hand)) this.kept = { features, frames: 1, best: best(probabilities) };
    return this.answer(image, hand, probabilities);
  }

  /** @param {Pixels} image */
  async features(image) {
    if (!this.graphs.image || this.signs) return null;
    const data = new Float32Array(resize(image, this.size, this.size).data);
    return (await this.graphs.image({ images: { type: "float32", data, dims: [1, this.size, this.size, 3] } })).features;
  }

  /**
   * @param {Tensor | null} features
   * @param {Hand | null} hand
   * @returns {Promise<Float32Array>}
   */
  async classify(features, hand) {
    if (this.signs && hand) return Float32Array.from(this.signs.logProbabilities(normalise(hand)), Math.exp);
    /** @type {Record<string, Tensor>} */
    const inputs = {};
    if (features) inputs.features = features;
    if (hand) {
      const data = normalise(hand);
      inputs.hands = { type: "float32", data, dims: [1, data.length] };
    }
    if (hand && features) {
      inputs.right_hand = { type: "bool", data: Uint8Array.of(Number(hand.rightHand > 0.5)), dims: [1] };
    }
    return (await this.graphs.head(inputs)).probabilities.data;
  }

  /**
   * Turn probabilities into an answer.
   * @param {Pixels} image
   * @param {Hand | null} hand
   * @param {Float32Array} probabilities
   * @returns {Answer}
   */
  answer(image, hand, probabilities) {
    const { labels, threshold, expects_hand } = this.description;
    /** @type {[string, number][]} */
    const top = Array.from(probabilities, (share, index) => [labels[index], share]);
    top.sort(([, one], [, other]) => other - one);
    const [first, probability] = top[0];
    const found = hand && isFound(hand);
    const missing = expects_hand && found === false && !isNothing(first);
    const sure = !missing && probability >= threshold;
    const label = missing ? "no hand" : sure ? first : "unsure";
    const places = hand && found ? placesOf(hand, image) : null;
    const right_hand = hand && found ? hand.rightHand > 0.5 : null;
    return { label, probability, sure, top: top.slice(0, 3), probabilities: Array.from(probabilities), hand: places, hand_found: found, right_hand };
  }
}

/**
 * @param {Graph} palm
 * @param {Graph} hand
 * @returns {import("./hand_finder.js").Graphs}
 */
function handGraphs(palm, hand) {
  const images = (/** @type {Uint8Array} */ data) => {
    const side = Math.sqrt(data.length / 3);
    return { images: /** @type {Tensor} */ ({ type: "uint8", data, dims: [1, side, side, 3] }) };
  };
  return {
    palm: async (crop) => (await palm(images(crop))).palm.data,
    async hand(crop) {
      const { points, presence, right_hand, embedding } = await hand(images(crop));
      return {
        points: points.data,
        presence: presence.data[0],
        right_hand: right_hand.data[0],
        embedding: embedding.data,
      };
    },
  };
}

/**
 * Return a hand's landmarks in shares of the photo's width and height.
 * @param {Hand} hand
 * @param {Pixels} image
 * @returns {[number, number][]}
 */
function placesOf({ points }, { width, height }) {
  const longer = Math.max(width, height);
  return Array.from({ length: points.length / 3 }, (_, index) => [
    (points[3 * index] * longer) / width,
    (points[3 * index + 1] * longer) / height,
  ]);
}

/** @param {Float32Array} probabilities */
function best(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}
