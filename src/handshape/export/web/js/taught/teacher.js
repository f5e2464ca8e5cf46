/** Teach in this browser: photos in and out of the album, training on them, and predicting with the result. */

import { writeProject } from "./project.js";
import { adviceOf } from "./advice.js";
import { MOST } from "./album.js";
import { grouped } from "./figures.js";
import { checkName, Refused } from "./names.js";

const MOST_BYTES = 2_000_000;
const SIDES = [32, 2000]; // pixels
const LEAST_PHOTOS = 2;
/** Name of the file in which photos are taken away. */
export const PROJECT = "handshape-project.zip";
const TAUGHT = "taught";

/**
 * @typedef {import("./album.js").Photo} Photo
 *
 * @typedef {object} Taught The last training: kept, so that another visit goes on with it.
 * @property {string} base Digest of the recogniser that they were added to.
 * @property {number[]} ids Of the photos, which may be in the bin by now.
 * @property {any} figures
 * @property {"taught" | "started"} in_use
 */

export class Teacher {
  /**
   * @param {import("../handshape.js").SignRecogniser} recogniser
   * @param {import("./album.js").Album} album
   * @param {any} about The content of `model.json`.
   */
  constructor(recogniser, album, about) {
    this.recogniser = recogniser;
    this.album = album;
    this.about = about;
    /** @type {import("../recogniser.js").Description} Of the recogniser in use. */
    this.description = about;
    /** @type {Taught | null} */
    this.taught = null;
    /** @type {Promise<void> | null} */
    this.searching = null;
    /** What the last visit used, in use again. */
    this.begun = this.begin();
    this.begun.catch(() => {}); // what awaits it handles the error
  }

  async begin() {
    this.taught = (await this.album.recall(TAUGHT)) ?? null;
    if (this.taught?.in_use === "taught") this.description = await this.recogniser.useExamples(await this.examples(this.taught.ids));
  }

  /** @returns {Promise<any>} `GET v1/model`. */
  async model() {
    await this.begun.catch(() => {});
    const { labels, expects_hand } = this.description;
    if (this.taught?.in_use !== "taught") return { ...this.about, labels, expects_hand };
    const { figures, ids } = this.taught;
    const { train = 0, signers = [] } = this.about.trained_on;
    const people = [...new Set([...signers, ...Object.keys(figures.signers ?? {})])].sort();
    const trained_on = { split: figures.signers ? "signer" : "random", train: train + ids.length, signers: people };
    const network = { ...this.about.network, model: "landmarks", backbone: null };
    return { ...this.about, labels, expects_hand, figures, trained_on, network };
  }

  /** @returns {Promise<any>} `GET v1/teach`. */
  async state() {
    await this.begun;
    const photos = await this.photos();
    this.search(photos).catch(() => {}); // it is tried again
    const byLabel = [...grouped(photos, ({ label }) => label)];
    const labels = byLabel.map(([label, own]) => ({
      label,
      in_base: this.about.labels.includes(label),
      photos: own.map(({ name, signer, found, method }) => ({ name, signer, hand: method === this.about.method ? found : null })),
    }));
    return {
      folder: "",
      command: `handshape add BUNDLE ${PROJECT} --out runs/mine`, // the bundle that the page was made from
      labels,
      signers: [...new Set(photos.map(({ signer }) => signer))].sort(),
      missing: missing(byLabel),
      adds_to: { labels: this.about.labels.length, model: this.about.network.model, sentence: this.addsTo() },
      advice: adviceOf(photos, this.taught?.figures.most_confused ?? null),
      taught: this.taught && this.outcome(this.taught, photos),
      started_with: true,
      in_use: this.taught?.in_use === "taught" ? "taught" : "started",
      downloads: photos.length ? ["photos"] : [],
    };
  }

  /** Say what signs are added to. */
  addsTo() {
    const { labels, network } = this.about;
    const sentence = `Signs are added to the ${labels.length} labels of the recogniser in use.`;
    if (network.model !== "combined") return sentence;
    return `${sentence} It classifies image features and hand landmarks together; with your signs it will recognise all labels by landmarks alone.`;
  }

  /**
   * @param {Taught} taught
   * @param {Photo[]} photos
   */
  outcome({ base, ids, figures }, photos) {
    const stale = base !== this.about.model || ids.join() !== photos.map(({ id }) => id).join();
    const labels = [...new Set([...this.about.labels, ...figures.taught])].sort();
    return { bundle: "runs/mine", labels, added: figures.added, sentence: figures.sentence, figures, stale };
  }

  /**
   * Save a photo.
   * @param {string} label
   * @param {string} signer
   * @param {Blob} photo A JPEG.
   */
  async add(label, signer, photo) {
    [label, signer] = [checkName("sign", label), checkName("signer", signer)];
    if (photo.size > MOST_BYTES) throw new Refused(`a photo of ${photo.size.toLocaleString("en")} bytes; expected at most ${MOST_BYTES.toLocaleString("en")}`);
    const [first, second] = new Uint8Array(await photo.slice(0, 2).arrayBuffer());
    if (first !== 0xff || second !== 0xd8) throw new Refused("a photo that is no JPEG; expected a JPEG");
    const photos = await this.photos();
    if (photos.length >= MOST) throw new Refused(`${photos.length} photos; expected at most ${MOST}; take some out`);
    const alike = photos.find((one) => one.label !== label && one.label.toLowerCase() === label.toLowerCase());
    // On many disks both would be one folder.
    if (alike) throw new Refused(`the sign "${label}" differs from "${alike.label}" by capitals only; expected one spelling; write "${alike.label}"`);
    await checkSides(photo);
    const hand = await this.recogniser.findHand(photo);
    const saved = await this.album.add({ label, signer, photo, method: this.about.method, ...hand });
    return { label, name: saved.name, signer, hand: saved.hand };
  }

  /**
   * @param {string} label
   * @param {string} name
   * @param {boolean} [removed] Whether it is in the bin.
   */
  async find(label, name, removed = false) {
    const found = (await this.album.all()).find((one) => one.label === label && one.name === name && one.removed === removed);
    if (!found) throw new Unknown(`no photo "${name}" of "${label}"; look at the list again`);
    return found;
  }

  /**
   * Move a photo to the bin, or back.
   * @param {string} label
   * @param {string} name
   * @param {boolean} removed
   */
  async move(label, name, removed) {
    await this.album.change((await this.find(label, name, !removed)).id, { removed });
  }

  /** Add the signs of all photos to the recogniser, and measure them on each person left out. */
  async train() {
    await this.begun;
    await this.search(await this.photos());
    const photos = await this.photos();
    const byLabel = [...grouped(photos, ({ label }) => label)];
    if (missing(byLabel)) throw new Refused(missing(byLabel));
    const ids = photos.map(({ id }) => id);
    const measured = await this.recogniser.ask("measure", { examples: examplesOf(photos) });
    const taught = byLabel.map(([label]) => label);
    const added = taught.filter((label) => !this.about.labels.includes(label));
    const figures = { ...measured, base_labels: this.about.labels.length, taught, added };
    this.taught = { base: this.about.model, ids, figures, in_use: this.taught?.in_use ?? "started" };
    await this.use(this.taught.in_use);
  }

  /** @param {"taught" | "started"} which Predict with what was taught, or as at the start. */
  async use(which) {
    if (!this.taught) throw new Refused("there is no recogniser that was taught; train first");
    const examples = which === "taught" ? await this.examples(this.taught.ids) : null;
    this.description = await this.recogniser.useExamples(examples);
    this.taught = { ...this.taught, in_use: which };
    await this.album.keep(TAUGHT, this.taught);
  }

  /** @returns {Promise<Blob>} The photos as a project file. */
  async project() {
    return writeProject(await this.photos(), this.about);
  }

  /** @returns {Promise<Photo[]>} Those that are not in the bin, by label, signer and number. */
  async photos() {
    const photos = (await this.album.all()).filter(({ removed }) => !removed);
    return photos.sort((one, other) => compared(placeOf(one), placeOf(other)));
  }

  /** @param {number[]} ids */
  async examples(ids) {
    const wanted = new Set(ids);
    const own = async () => (await this.album.all()).filter(({ id }) => wanted.has(id));
    await this.search(await own());
    return examplesOf(await own());
  }

  /**
   * Find the hands of photos again that were found in another way: by an earlier export.
   * @param {Photo[]} photos
   * @returns {Promise<void>}
   */
  search(photos) {
    const old = photos.filter(({ method }) => method !== this.about.method);
    if (!old.length) return Promise.resolve();
    this.searching ??= (async () => {
      for (const { id, photo } of old) {
        await this.album.change(id, { ...(await this.recogniser.findHand(photo)), method: this.about.method });
      }
    })().finally(() => (this.searching = null));
    return this.searching;
  }
}

/** @param {Photo} photo */
function placeOf({ label, signer, name }) {
  return [label, signer, Number(name.match(/_(\d+)\.jpg$/)?.[1])];
}

/**
 * @param {(string | number)[]} one
 * @param {(string | number)[]} other
 */
function compared(one, other) {
  const index = one.findIndex((part, place) => part !== other[place]);
  return index < 0 ? 0 : one[index] < other[index] ? -1 : 1;
}

/** A photo that is not there. */
export class Unknown extends Error {}

/** @param {Blob} photo */
async function checkSides(photo) {
  const { width, height } = await createImageBitmap(photo).catch(() => {
    throw new Refused("a photo that cannot be opened; expected a JPEG that is whole");
  });
  if (Math.min(width, height) < SIDES[0] || Math.max(width, height) > SIDES[1]) {
    throw new Refused(`a photo of ${width} x ${height} pixels; expected sides of ${SIDES.join(" to ")}`);
  }
}

/**
 * @param {Photo[]} photos
 * @returns {import("../signs.js").Example[]}
 */
function examplesOf(photos) {
  return photos.map(({ label, signer, found, row, mirrored }) => ({ label, signer, found, row, mirrored }));
}

/**
 * Return what has to be done before training, or nothing.
 * @param {[string, Photo[]][]} byLabel
 */
function missing(byLabel) {
  if (!byLabel.length) return "take photos of a sign";
  const few = byLabel.filter(([, own]) => own.length < LEAST_PHOTOS).map(([label]) => label);
  return few.length ? `take at least ${LEAST_PHOTOS} photos of ${few.join(", ")}` : "";
}
