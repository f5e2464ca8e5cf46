/** Replaces the server: answers from the files beside the page and the recogniser in this browser. */

import { predictPhoto, ready } from "./client.js";
import { isNothing } from "./prediction.js";

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
let engine = "ONNX Runtime in this browser";
ready.then(({ provider, threads }) => {
  const how = provider === "webgpu" ? "on its graphics processor (WebGPU)" : `with WebAssembly in ${threads === 1 ? "one thread" : `${threads} threads`}`;
  engine = `ONNX Runtime in this browser, ${how}`;
}, () => {});

/** @returns {Promise<any>} The description of the model. */
export async function get(/** @type {string} */ path) {
  if (path !== "v1/model") throw new Refusal("This page has no server.", 404);
  return { ...(await about), engine };
}

/**
 * Predict the photo in a request.
 * @param {string} path
 * @param {any} options
 */
export async function ask(path, { body }) {
  const start = performance.now();
  const mirrored = new URLSearchParams(path.split("?")[1]).get("mirrored") === "true";
  return { predictions: [await predictionOf(await predictPhoto(body, mirrored), start)] };
}

/**
 * Describe an answer as a server would.
 * @param {import("./client.js").Answer} answer
 * @param {number} start When it was asked for, by the page's clock.
 * @returns {Promise<import("./types.js").Prediction>}
 */
export async function predictionOf({ probabilities, hand, hand_found, right_hand }, start) {
  const { labels, threshold, expects_hand } = await about;
  /** @type {[string, number][]} */
  const top = probabilities.map((share, index) => [labels[index], share]);
  top.sort(([, one], [, other]) => other - one);
  const [best, probability] = top[0];
  const missing = expects_hand && hand_found === false && !isNothing(best);
  const sure = !missing && probability >= threshold;
  const label = missing ? "no hand" : sure ? best : "unsure";
  return { label, probability, sure, hand_found, right_hand, top: top.slice(0, 3), hand, milliseconds: performance.now() - start };
}

/** @returns {Promise<string>} Never: an exported page has no photos of taught signs. */
export async function photoAddress(/** @type {string} */ _label, /** @type {string} */ _name) {
  throw new Refusal("This page has no photos.", 404);
}
