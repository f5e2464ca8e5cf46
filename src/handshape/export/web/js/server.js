/** In the place of the server: what it would answer, from the files beside the page and the model in this browser. */

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

/** Where signs are read, in words. */
export const place = {
  lost: "Loading the recogniser",
  privacy: "Only the square is read, in this browser. No picture leaves it.",
  off: "Its pictures are read in this browser, and are not kept.",
  teach: "whoever made this page can teach it more hands with handshape",
};

const about = fetch("model.json").then((response) => response.json());

/** @returns {Promise<any>} What the model says of itself. */
export function get(/** @type {string} */ path) {
  return path === "v1/model" ? about : Promise.reject(new Refusal("This page has no server.", 404));
}

/**
 * Read the photo in a request.
 * @param {string} path
 * @param {any} options
 */
export async function ask(path, { body }) {
  const answer = await read(body, new URLSearchParams(path.split("?")[1]).get("mirrored") === "true");
  return { predictions: [answer] };
}

/**
 * @param {Blob} photo
 * @param {boolean} mirrored
 * @returns {Promise<import("./types.js").Answer>}
 */
export async function read(photo, mirrored) {
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
