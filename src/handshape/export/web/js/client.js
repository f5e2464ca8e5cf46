/** The recogniser in this browser: photos and frames in, probabilities and landmarks out. */

/** @typedef {import("./recogniser.js").Answer} Answer */

/** @type {Map<number, {resolve: (found: Answer) => void, reject: (error: Error) => void}>} */
const waiting = new Map();
let last = 0;
/** @type {(kind: import("./engine.js").Kind) => void} */
let begin = () => {};
/** @type {(error: Error) => void} */
let fail = () => {};

/** What runs the graphs, once they are loaded; an error where they cannot be. @type {Promise<import("./engine.js").Kind>} */
export const ready = new Promise((resolve, reject) => {
  begin = resolve;
  fail = reject;
});
ready.catch(() => {}); // callers that await it handle the error

// `?engine=wasm` or `?engine=webgpu` in the page's address chooses the engine.
const engine = new URLSearchParams(location.search).get("engine");
const address = new URL(`worker.js${engine ? `?engine=${encodeURIComponent(engine)}` : ""}`, import.meta.url);
const worker = new Worker(address, { type: "module" });
worker.onerror = () => fail(new Error("The browser cannot run the recogniser; a newer one can."));
worker.onmessage = ({ data }) => {
  if (data.ready === true) return begin(data.kind);
  if (data.ready === false) return fail(new Error(`The recogniser cannot be loaded: ${data.message}`));
  const asked = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.probabilities) asked?.resolve(data);
  else asked?.reject(new Error(data.message));
};

/**
 * Predict a photo.
 * @param {Blob} photo
 * @param {boolean} [mirrored] Whether to flip it first.
 * @returns {Promise<Answer>}
 */
export function predictPhoto(photo, mirrored = false) {
  return ask({ photo, mirrored }, []);
}

/**
 * Predict the next frame of a stream.
 * @param {ImageBitmap} frame It goes to the recogniser.
 * @param {boolean} mirrored Whether it is a mirror image, to be flipped first; landmarks are those of the frame as it is.
 * @param {boolean} first Whether another stream begins.
 * @returns {Promise<Answer>}
 */
export function predictFrame(frame, mirrored, first) {
  return ask({ frame, mirrored, first }, [frame]);
}

/**
 * @param {Record<string, unknown>} question
 * @param {Transferable[]} given
 * @returns {Promise<Answer>}
 */
async function ask(question, given) {
  await ready;
  return new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    worker.postMessage({ id: last, ...question }, given);
  });
}
