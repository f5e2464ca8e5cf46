/** The recogniser: its graphs, and what decides between them. */

import { HandFinder, HandTracker, isFound, normalise } from "./hand_finder.js";
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
 * @typedef {object} Answer
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
   */
  constructor(graphs, size) {
    this.graphs = graphs;
    this.size = size;
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
   * Predict a photo.
   * @param {Pixels} image
   * @returns {Promise<Answer>}
   */
  async photo(image) {
    const hand = this.finder && (await this.finder.find(image));
    return answer(image, hand, await this.classify(await this.features(image), hand));
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
    if (!this.tracker) return answer(image, null, await this.classify(await this.features(image), null));
    const hand = await this.tracker.find(image);
    if (!isFound(hand)) this.kept = null;
    if (this.kept && this.kept.frames < FRAMES) {
      const probabilities = await this.classify(this.kept.features, hand);
      this.kept.frames += 1;
      if (best(probabilities) === this.kept.best) return answer(image, hand, probabilities);
    }
    const features = await this.features(image);
    const probabilities = await this.classify(features, hand);
    if (features && isFound(hand)) this.kept = { features, frames: 1, best: best(probabilities) };
    return answer(image, hand, probabilities);
  }

  /** @param {Pixels} image */
  async features(image) {
    if (!this.graphs.image) return null;
    const data = new Float32Array(resize(image, this.size, this.size).data);
    return (await this.graphs.image({ images: { type: "float32", data, dims: [1, this.size, this.size, 3] } })).features;
  }

  /**
   * @param {Tensor | null} features
   * @param {Hand | null} hand
   * @returns {Promise<Float32Array>}
   */
  async classify(features, hand) {
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
 * @param {Pixels} image
 * @param {Hand | null} hand
 * @param {Float32Array} probabilities
 * @returns {Answer}
 */
function answer({ width, height }, hand, probabilities) {
  const longer = Math.max(width, height);
  /** @type {[number, number][] | null} */
  let places = null;
  if (hand && isFound(hand)) {
    const { points } = hand;
    places = Array.from({ length: points.length / 3 }, (_, index) => [
      (points[3 * index] * longer) / width,
      (points[3 * index + 1] * longer) / height,
    ]);
  }
  return { probabilities: Array.from(probabilities), hand: places, hand_found: hand && isFound(hand), right_hand: places && hand && hand.rightHand > 0.5 };
}

/** @param {Float32Array} probabilities */
function best(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}
