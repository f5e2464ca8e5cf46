/** Replaces the server: answers from the files beside the page, the recogniser in this browser, and its album. */

import { recogniser } from "./client.js";
import { Album } from "./taught/album.js";
import { Refused } from "./taught/names.js";
import { PROJECT, Teacher, Unknown } from "./taught/teacher.js";

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
  off: "Its pictures stay in this browser, and are not saved unless you use Teach.",
  teach: "you can train it on your own hands under Teach",
  photos: "Kept in this browser only. Take the photos away below to have a copy.",
};

const PHOTO = /^v1\/teach\/photos\/([^/]+)\/([^/]+?)(\/hand|\/restore)?$/;

const about = fetch("model.json").then((response) => response.json());
// Pages of one server share what the browser keeps; each folder has an album of its own.
const teacher = about.then((found) => {
  if (found.method === null) throw new Refusal("Signs can be added to recognisers of hand landmarks only, which this is not.", 404);
  return new Teacher(recogniser, new Album(`handshape album of ${new URL(".", location.href).pathname}`), found);
});
teacher.catch(() => {});
let engine = "ONNX Runtime in this browser";
recogniser.ready.then(({ provider, threads }) => {
  const how = provider === "webgpu" ? "on its graphics processor (WebGPU)" : `with WebAssembly in ${threads === 1 ? "one thread" : `${threads} threads`}`;
  engine = `ONNX Runtime in this browser, ${how}`;
}, () => {});

/**
 * @param {string} path Relative to the page.
 * @returns {Promise<any>}
 */
export function get(path) {
  return ask(path);
}

/**
 * @param {string} path
 * @param {any} [body]
 */
export function post(path, body = {}) {
  return ask(path, { method: "POST", body });
}

/**
 * Answer a request as a server would.
 * @param {string} path
 * @param {{method?: string, headers?: any, body?: any}} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, { method = "GET", body } = {}) {
  const [name, query] = path.split("?");
  const given = new URLSearchParams(query);
  try {
    if (name === "v1/model") return { ...(await teacher.then((one) => one.model(), () => about)), engine };
    if (name === "v1/predict") return await predicted(body, given.get("mirrored") === "true");
    return await taught(await teacher, `${method} ${name}`, given, body);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const { message, name: kind } = /** @type {Error} */ (error);
    if (error instanceof DOMException && kind !== "QuotaExceededError") throw new Refusal(`This browser cannot keep photos (${message}).`);
    if (kind === "QuotaExceededError") throw new Refusal("This browser has no more room for photos. Take the photos away as a file, and remove some.", 422);
    // Without a status, the photo waits and is sent again: the recogniser may still be loading.
    throw new Refusal(message, error instanceof Unknown ? 404 : error instanceof Refused ? 422 : undefined);
  }
}

/**
 * @param {Blob} photo
 * @param {boolean} mirrored
 */
async function predicted(photo, mirrored) {
  const start = performance.now();
  return { predictions: [{ ...(await recogniser.predict(photo, { mirrored })), milliseconds: performance.now() - start }] };
}

/**
 * @param {Teacher} teacher
 * @param {string} request Method and path.
 * @param {URLSearchParams} given
 * @param {any} body
 */
async function taught(teacher, request, given, body) {
  const [method, path] = request.split(" ");
  const [, label, name, what] = path.match(PHOTO)?.map((part) => part && decodeURIComponent(part)) ?? [];
  if (request === "POST v1/teach/photos") return teacher.add(given.get("label") ?? "", given.get("signer") ?? "", body);
  if (request === "POST v1/teach/train") await teacher.train();
  else if (request === "POST v1/teach/use") await teacher.use(body.which);
  else if (label && method === "GET" && what) return { hand: (await teacher.find(label, name)).hand };
  else if (label && method === "DELETE") return teacher.move(label, name, true);
  else if (label && what === "/restore") return teacher.move(label, name, false);
  else if (request !== "GET v1/teach") throw new Refusal("This page has no server.", 404);
  return teacher.state();
}

/** @type {Map<string, Promise<string>>} */
const addresses = new Map();

/**
 * @param {string} label
 * @param {string} name
 * @returns {Promise<string>} The address of a taught photo.
 */
export function photoAddress(label, name) {
  const key = `${label}/${name}`;
  const found = addresses.get(key) ?? teacher.then(async (one) => URL.createObjectURL((await one.find(label, name)).photo));
  addresses.set(key, found);
  return found;
}

/**
 * Return what Teach lets people take away.
 * @param {string} what One of `downloads` in the answer of `GET v1/teach`.
 * @returns {Promise<{name: string, content: Blob}>} A zip archive and its name.
 */
export async function download(what) {
  if (what !== "photos") throw new Refusal("This page has no server.", 404);
  return { name: PROJECT, content: await (await teacher).project() };
}
