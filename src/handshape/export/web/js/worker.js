/** The recogniser, in a thread of its own so that the page never waits for it. */

import { Engine } from "./engine.js";
import { decode, draw } from "./pixels.js";
import { Recogniser } from "./recogniser.js";

// The graph of the hand first: it is the largest, and needed in every frame.
const NAMES = ["hand", "palm", "image", "head"];

/** @returns {Promise<{recogniser: Recogniser, kind: import("./engine.js").Kind}>} */
async function start() {
  const wanted = new URLSearchParams(location.search).get("engine");
  const about = file("model.json").then((response) => response.json());
  // Fetched beside each other and beside the runtime.
  const files = about.then(({ graphs }) => new Map(NAMES.filter((name) => graphs.includes(`${name}.onnx`))
    .map((name) => [name, file(`${name}.onnx`).then(async (response) => new Uint8Array(await response.arrayBuffer()))])));
  const engine = await Engine.start(wanted);
  const opened = [...(await files)].map(async ([name, model]) => [name, await engine.open(await model)]);
  return { recogniser: new Recogniser(Object.fromEntries(await Promise.all(opened)), (await about).network.size), kind: engine.kind };
}

/** @param {string} name */
async function file(name) {
  const response = await fetch(new URL(`../${name}`, import.meta.url));
  if (!response.ok) throw new Error(`${name} is missing.`);
  return response;
}

const started = start();
started.then(
  ({ kind }) => postMessage({ ready: true, kind }),
  (error) => postMessage({ ready: false, message: String(error?.message ?? error) }),
);

/** @type {Promise<any>} One after the other: a graph runs once at a time, and a stream's frames keep their order. */
let before = started;

onmessage = ({ data }) => {
  before = before.catch(() => {}).then(() => answer(data));
};

/** @param {{id: number, photo?: Blob, frame?: ImageBitmap, mirrored: boolean, first?: boolean}} question */
async function answer({ id, photo, frame, mirrored, first }) {
  try {
    const { recogniser } = await started;
    if (first) recogniser.reset();
    const found = frame
      ? await recogniser.frame(draw(frame, mirrored))
      : await recogniser.photo(await decode(/** @type {Blob} */ (photo), mirrored));
    if (mirrored) found.hand = found.hand?.map(([x, y]) => [1 - x, y]) ?? null;
    postMessage({ id, ...found });
  } catch (error) {
    postMessage({ id, message: String(error?.message ?? error) });
  }
}
