/** Replaces the server: answers from the files beside the page and the model in this browser. */

import { probabilities } from "./reader.js";

export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {number} [status]
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Texts about where predictions are made. */
export const place = {
  lost: "Loading the recogniser",
  privacy: "Only the square is used, in this browser. No picture leaves it.",
  off: "Its pictures stay in this browser, and are not saved.",
  teach: "the author of this page can train it on more hands with handshape",
};

const about = fetch("model.json").then((response) => response.json());

/** @returns {Promise<any>} The description of the model. */
export function get(/** @type {string} */ path) {
  return path === "v1/model" ? about : Promise.reject(new Refusal("This page has no server.", 404));
}

/**
 * Predict the photo in a request.
 * @param {string} path
 * @param {any} options
 */
export async function ask(path, { body }) {
  return { predictions: [await predict(body, new URLSearchParams(path.split("?")[1]).get("mirrored") === "true")] };
}

/**
 * @param {Blob} photo
 * @param {boolean} mirrored
 * @returns {Promise<import("./types.js").Prediction>}
 */
export async function predict(photo, mirrored) {
  const start = performance.now();
  const { labels, threshold } = await about;
  const found = await probabilities(photo, mirrored);
  /** @type {[string, number][]} */
  const top = found.map((share, index) => [labels[index], share]);
  top.sort(([, one], [, other]) => other - one);
  const sure = top[0][1] >= threshold;
  const label = sure ? top[0][0] : "unsure";
  return { label, probability: top[0][1], sure, top: top.slice(0, 3), milliseconds: performance.now() - start };
}
