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
  try {
    return await open(engine, await files, (await about).network.size);
  } catch (error) {
    if (wanted || engine.kind.provider === "wasm") throw error;
    // A graphics processor may lack what a graph needs.
    return open(await Engine.start("wasm"), await files, (await about).network.size);
  }
}

/**
 * @param {Engine} engine
 * @param {Map<string, Promise<Uint8Array>>} files
 * @param {number} size Side of the images that the network takes.
 */
async function open(engine, files, size) {
  /** @type {any} */
  const graphs = {};
  // One after the other, as WebGPU asks; in WebAssembly there is one thread for it anyway.
  for (const [name, model] of files) graphs[name] = await engine.open(await model);
  const recogniser = new Recogniser(graphs, size);
  if (engine.kind.provider === "webgpu") await recogniser.frame({ data: new Uint8Array(3 * size * size), height: size, width: size });
  return { recogniser, kind: engine.kind };
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
    const found = await (frame ? recogniser.frame(draw(frame, mirrored)) : recogniser.photo(await read(photo, mirrored)));
    if (mirrored) found.hand = found.hand?.map(([x, y]) => [1 - x, y]) ?? null;
    postMessage({ id, ...found });
  } catch (error) {
    postMessage({ id, message: String(/** @type {any} */ (error)?.message ?? error) });
  }
}

/**
 * @param {any} photo
 * @param {boolean} mirrored
 */
function read(photo, mirrored) {
  return decode(photo, mirrored).catch(() => {
    throw new Error("The browser cannot open this photo. A JPEG, PNG or WebP works.");
  });
}
