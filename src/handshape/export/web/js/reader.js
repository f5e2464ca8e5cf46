/** The recogniser in this browser: photos in, probabilities out. */

/** @type {Map<number, {resolve: (found: number[]) => void, reject: (error: Error) => void}>} */
const waiting = new Map();
let last = 0;
/** @type {() => void} */
let begin = () => {};
/** @type {(error: Error) => void} */
let fail = () => {};

/** Settled once the model is loaded, or cannot be. @type {Promise<void>} */
export const ready = new Promise((resolve, reject) => {
  begin = resolve;
  fail = reject;
});
ready.catch(() => {}); // callers that await it handle the error

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
worker.onerror = () => fail(new Error("The browser cannot run the recogniser; a newer one can."));
worker.onmessage = ({ data }) => {
  if (data.ready === true) return begin();
  if (data.ready === false) return fail(new Error(`The recogniser cannot be loaded: ${data.message}`));
  const asked = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.probabilities) asked?.resolve(data.probabilities);
  else asked?.reject(new Error("The browser cannot open this photo. A JPEG, PNG or WebP works."));
};

/**
 * Predict a photo.
 * @param {Blob} photo
 * @param {boolean} [mirrored] Whether to flip it first.
 * @returns {Promise<number[]>} K probabilities in class order.
 */
export async function probabilities(photo, mirrored = false) {
  await ready;
  return new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    worker.postMessage({ id: last, photo, mirrored });
  });
}
