/**
 * handshape in a page of your own: a recogniser of hand signs that runs in the browser.
 *
 *     import { load } from "./page/js/handshape.js";
 *     const recogniser = await load("./page/");
 *     const { label, probability } = await recogniser.predict(document.querySelector("video"));
 *
 * The folder is what `handshape export --format web` writes, on the same server as your page. No picture leaves the
 * browser.
 */

/**
 * @typedef {import("./recogniser.js").Answer} Answer
 * @typedef {import("./recogniser.js").Description} Description
 * @typedef {import("./signs.js").Example} Example
 * @typedef {HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | ImageBitmap | ImageData} Picture
 */

/**
 * Load a recogniser.
 * @param {string | URL} [folder] Address of the exported folder; by default that of this module.
 * @returns {Promise<SignRecogniser>} Once it can predict; rejected where the browser cannot run it.
 */
export async function load(folder = new URL("../", import.meta.url)) {
  const recogniser = new SignRecogniser(new URL(folder, document.baseURI));
  await recogniser.ready;
  return recogniser;
}

/** A recogniser in a thread of its own: photos and frames in, labels and landmarks out. */
export class SignRecogniser {
  /**
   * @param {URL} folder Address of the exported folder, which ends in a slash.
   * @param {string | null} [engine] `wasm` or `webgpu` for one of them only.
   */
  constructor(folder, engine = null) {
    /** @type {string[]} In class order; empty until it is loaded. */
    this.labels = [];
    /** @type {Example[]} */
    this.examples = [];
    /** @type {unknown} What the last frame was taken from. */
    this.stream = null;
    this.last = 0;
    /** @type {Map<number, {resolve: (found: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    const address = new URL(`js/worker.js${engine ? `?engine=${encodeURIComponent(engine)}` : ""}`, folder);
    this.worker = new Worker(address, { type: "module" });
    /** What runs the graphs, once they are loaded; an error where they cannot be. @type {Promise<import("./engine.js").Kind>} */
    this.ready = new Promise((resolve, reject) => {
      this.worker.onerror = () => reject(new Error("The browser cannot run the recogniser; a newer one can."));
      this.worker.onmessage = ({ data }) => {
        if (data.ready === true) {
          this.labels = data.labels;
          return resolve(data.kind);
        }
        if (data.ready === false) return reject(new Error(`The recogniser cannot be loaded: ${data.message}`));
        const asked = this.waiting.get(data.id);
        this.waiting.delete(data.id);
        if ("found" in data) asked?.resolve(data.found);
        else asked?.reject(new Error(data.message));
      };
    });
    this.ready.catch(() => {}); // callers that await it handle the error
  }

  /**
   * Predict a photo, or the next frame of a video: its hand is looked for first where it was in the frame before.
   * @param {Picture | HTMLVideoElement | Blob} image
   * @param {object} [options]
   * @param {boolean} [options.mirrored] Whether it is a mirror image, to be flipped first, or the hand in it is a left one;
   *   landmarks are those of the picture as it is.
   * @returns {Promise<Answer>}
   */
  async predict(image, { mirrored = false } = {}) {
    if (!(image instanceof HTMLVideoElement)) return this.ask("photo", await given(image, mirrored));
    const first = this.stream !== image;
    this.stream = image;
    return this.predictFrame(await createImageBitmap(image), mirrored, first);
  }

  /**
   * Predict the next frame of a stream.
   * @param {ImageBitmap} frame It goes to the recogniser.
   * @param {boolean} mirrored
   * @param {boolean} first Whether another stream begins.
   * @returns {Promise<Answer>}
   */
  predictFrame(frame, mirrored, first) {
    return this.ask("frame", { frame, mirrored, first });
  }

  /**
   * Add a sign, or more photos of one; from then on it is among the labels.
   * @param {string} label A new label, or one that the recogniser has.
   * @param {(Picture | Blob)[]} images A few photos, of as many people as you can; those without a hand are not used.
   * @param {object} [options]
   * @param {string} [options.signer] Who signs.
   * @returns {Promise<{hands: number, labels: string[]}>} In how many of the photos a hand was found, and all labels.
   */
  async addSign(label, images, { signer = "" } = {}) {
    if (!label) throw new Error("a sign without a label; give its name");
    /** @type {Example[]} */
    const added = [];
    for (const image of images) added.push({ label, signer, ...(await this.findHand(image)) });
    const hands = added.filter(({ found }) => found).length;
    if (!hands) throw new Error(`no hand in ${images.length} photos of ${label}; show the whole hand in good light`);
    this.examples.push(...added);
    await this.useExamples(this.examples);
    return { hands, labels: this.labels };
  }

  /** @returns {string} The signs that were added, as JSON: numbers, and no pictures. */
  save() {
    const plain = this.examples.map(({ label, signer, found, row, mirrored }) => (
      { label, signer, found, row: Array.from(row), mirrored: Array.from(mirrored) }
    ));
    return JSON.stringify({ format: 1, examples: plain });
  }

  /** @param {string} text What `save` returned for a recogniser of the same page; its signs replace those that were added. */
  async restore(text) {
    const { format, examples } = JSON.parse(text);
    if (format !== 1) throw new Error(`signs of format ${format}; save them with this version`);
    this.examples = examples;
    await this.useExamples(examples.length ? examples : null);
  }

  /** End its thread. */
  close() {
    this.worker.terminate();
  }

  /**
   * Find the hand in a photo, as examples hold it.
   * @param {Picture | Blob} image
   * @returns {Promise<{found: boolean, row: Float32Array, mirrored: Float32Array, hand: [number, number][] | null}>}
   */
  async findHand(image) {
    return this.ask("hand", await given(image, false));
  }

  /**
   * Classify with the signs of some examples added, or as at the start.
   * @param {Example[] | null} examples
   * @returns {Promise<Description>}
   */
  async useExamples(examples) {
    const description = await this.ask("use", { examples });
    this.labels = description.labels;
    return description;
  }

  /**
   * Have a task done in the thread.
   * @param {"photo" | "frame" | "hand" | "use" | "measure"} task
   * @param {Record<string, unknown>} [question] Pictures in it go to the thread.
   * @returns {Promise<any>}
   */
  async ask(task, question = {}) {
    await this.ready;
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.last, { resolve, reject });
      const moved = Object.values(question).filter((one) => one instanceof ImageBitmap);
      this.worker.postMessage({ id: this.last, task, ...question }, moved);
    });
  }
}

/**
 * @param {Picture | Blob} image
 * @param {boolean} mirrored
 */
async function given(image, mirrored) {
  return { photo: image instanceof Blob ? image : await createImageBitmap(image), mirrored };
}
