/** The recogniser, in a thread of its own so that the page never waits for it. */

import { Engine } from "./engine.js";
import { decode, draw } from "./pixels.js";
import { Recogniser } from "./recogniser.js";
import { readSigns, Signs } from "./signs.js";
import { leavePeopleOut } from "./taught/figures.js";

// The graph of the hand first: it is the largest, and needed in every frame.
const NAMES = ["hand", "palm", "image", "head"];
/** @type {Promise<import("./signs.js").Base> | null} Fetched where signs are added. */
let base = null;

/** @returns {Promise<{recogniser: Recogniser, kind: import("./engine.js").Kind}>} */
async function start() {
  const wanted = new URLSearchParams(location.search).get("engine");
  const about = file("model.json").then((response) => response.json());
  // Fetched beside each other and beside the runtime.
  const files = about.then(({ graphs }) => new Map(NAMES.filter((name) => graphs.includes(`${name}.onnx`))
    .map((name) => [name, file(`${name}.onnx`).then(async (response) => new Uint8Array(await response.arrayBuffer()))])));
  const engine = await Engine.start(wanted);
  try {
    return await open(engine, await files, await about);
  } catch (error) {
    if (wanted || engine.kind.provider === "wasm") throw error;
    // A graphics processor may lack what a graph needs.
    return open(await Engine.start("wasm"), await files, await about);
  }
}

/**
 * @param {Engine} engine
 * @param {Map<string, Promise<Uint8Array>>} files
 * @param {any} about The content of `model.json`.
 */
async function open(engine, files, about) {
  /** @type {any} */
  const graphs = {};
  // One after the other, as WebGPU asks; in WebAssembly there is one thread for it anyway.
  for (const [name, model] of files) graphs[name] = await engine.open(await model);
  const { size } = about.network;
  const recogniser = new Recogniser(graphs, size, about);
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
  ({ recogniser, kind }) => postMessage({ ready: true, kind, labels: recogniser.description.labels }),
  (error) => postMessage({ ready: false, message: String(error?.message ?? error) }),
);

/** @type {Promise<any>} One after the other: a graph runs once at a time, and a stream's frames keep their order. */
let before = started;

onmessage = ({ data }) => {
  before = before.catch(() => {}).then(() => answer(data));
};

/** @param {any} question */
async function answer({ id, task, ...given }) {
  try {
    postMessage({ id, found: await tasks[task]((await started).recogniser, given) });
  } catch (error) {
    postMessage({ id, message: String(/** @type {any} */ (error)?.message ?? error) });
  }
}

/** @type {Record<string, (recogniser: Recogniser, given: any) => Promise<unknown>>} */
const tasks = {
  photo: async (recogniser, { photo, mirrored }) => asSeen(await recogniser.photo(await read(photo, mirrored)), mirrored),
  async frame(recogniser, { frame, mirrored, first }) {
    if (first) recogniser.reset();
    return asSeen(await recogniser.frame(draw(frame, mirrored)), mirrored);
  },
  hand: async (recogniser, { photo, mirrored }) => recogniser.hand(await read(photo, mirrored)),
  use: async (recogniser, { examples }) => recogniser.use(examples && new Signs(await statistics(), examples)),
  measure: async (recogniser, { examples }) => leavePeopleOut(await statistics(), examples, recogniser.description.threshold),
};

/** @returns {Promise<import("./signs.js").Base>} The statistics that signs are added to. */
function statistics() {
  base ??= file("signs.json").then(async (response) => readSigns(await response.json()));
  base.catch(() => (base = null));
  return base;
}

/**
 * Return an answer with the landmarks of the picture as it is, and not of its mirror image.
 * @param {import("./recogniser.js").Answer} found
 * @param {boolean} mirrored
 */
function asSeen(found, mirrored) {
  return mirrored ? { ...found, hand: found.hand?.map(([x, y]) => [1 - x, y]) ?? null } : found;
}

/**
 * @param {Blob | ImageBitmap} photo
 * @param {boolean} mirrored
 */
async function read(photo, mirrored) {
  if (photo instanceof ImageBitmap) return draw(photo, mirrored);
  return decode(photo, mirrored).catch(() => {
    throw new Error("The browser cannot open this photo. A JPEG, PNG or WebP works.");
  });
}
