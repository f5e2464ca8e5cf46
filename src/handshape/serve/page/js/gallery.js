/** The photos that were taken: shown, removed, put back. */

import { say } from "./announce.js";
import { counted, find, make } from "./dom.js";
import { isNothing } from "./prediction.js";
import { ask, get, photoAddress, post } from "./server.js";
import { LandmarkOverlay } from "./landmarks.js";

// Milliseconds for which the page offers to put a photo back; it stays in the bin folder after that.
const UNDO = 12_000;

/** @typedef {{name: string, signer: string, hand: boolean | null}} Kept Whether a hand was found; null where that is not known yet. */

export class Gallery {
  /** @param {() => Promise<void>} changed Called when a photo was removed or put back. */
  constructor(changed) {
    this.changed = changed;
    this.place = find("#teach-photos");
    this.undo = find("#teach-undo");
    this.timer = 0;
    /** @type {(() => Promise<void>) | null} */
    this.back = null;
    find("button", this.undo).addEventListener("click", () => this.back?.());
    /** @type {Map<string, HTMLElement>} Thumbnails by address, so that photos already shown are not fetched again. */
    this.known = new Map();
    this.drawing = Promise.resolve();
    this.watch = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) if (isIntersecting) this.draw(/** @type {HTMLElement} */ (target));
    });
  }

  /** @param {{label: string, photos: Kept[]}[]} labels */
  show(labels) {
    const before = this.known;
    this.known = new Map();
    const open = new Set([...this.place.querySelectorAll("details[open]")].map((one) => /** @type {HTMLElement} */ (one).dataset.label));
    this.place.replaceChildren(...labels.map(({ label, photos }) => {
      const items = [...photos].reverse().map((photo) => {
        const at = address(label, photo.name);
        const item = before.get(at) ?? this.thumbnail(label, photo, at);
        this.known.set(at, item);
        this.mark(item, photo, isNothing(label));
        return item;
      });
      const group = make("details", { open: labels.length < 4 || open.has(label) },
        make("summary", {}, make("strong", { textContent: label }), ` ${counted(photos.length, "photo")}${without(label, photos)}`),
        make("ul", { className: "thumbnails" }, ...items));
      group.dataset.label = label;
      return group;
    }));
  }

  /**
   * @param {string} label
   * @param {Kept} photo
   * @param {string} at
   */
  thumbnail(label, photo, at) {
    const words = `${label}, ${photo.name.replace(/\.\w+$/, "").replaceAll("_", " ")}`;
    const remove = make("button", { type: "button", title: "Remove", "aria-label": `Remove ${words}` }, "×");
    remove.addEventListener("click", () => this.remove(label, photo.name, words));
    const image = make("img", { alt: words, loading: "lazy", width: 96, height: 96 });
    photoAddress(label, photo.name).then((place) => (image.src = place), (error) => say(error.message));
    const item = make("li", {}, image, remove);
    item.dataset.at = at;
    return item;
  }

  /**
   * Mark a photo without a hand, as soon as that is known.
   * @param {HTMLElement} item
   * @param {Kept} photo
   * @param {boolean} nothing Whether its label means that there is no hand.
   */
  mark(item, { hand }, nothing) {
    if (hand === null || item.dataset.hand === String(hand)) return;
    item.dataset.hand = String(hand);
    if (hand) this.watch.observe(item);
    else if (!nothing) item.append(make("span", { className: "without", textContent: "no hand" }));
  }

  /**
   * Draw the landmarks over a photo that has come into view; one after the other, to keep the server free.
   * @param {HTMLElement} item
   */
  draw(item) {
    this.watch.unobserve(item);
    this.drawing = this.drawing.then(async () => {
      const image = /** @type {HTMLImageElement} */ (find("img", item));
      const { hand } = await get(`${item.dataset.at}/hand`).catch(() => ({ hand: null }));
      await image.decode().catch(() => {});
      if (hand) item.append(new LandmarkOverlay(image.naturalWidth / image.naturalHeight || 1).show(hand).element);
    });
  }

  /**
   * @param {string} label
   * @param {string} name
   * @param {string} words
   */
  async remove(label, name, words) {
    const at = address(label, name);
    await ask(at, { method: "DELETE" }).catch((error) => say(error.message));
    this.offer(`Removed: ${words}.`, async () => {
      await post(`${at}/restore`).catch((error) => say(error.message));
      this.undo.hidden = true;
      await this.changed();
    });
    await this.changed();
  }

  /**
   * @param {string} words
   * @param {() => Promise<void>} back
   */
  offer(words, back) {
    clearTimeout(this.timer);
    this.back = back;
    find("span", this.undo).textContent = words;
    this.undo.hidden = false;
    this.timer = setTimeout(() => (this.undo.hidden = true), UNDO);
  }
}

/**
 * @param {string} label
 * @param {string} name
 */
function address(label, name) {
  return `v1/teach/photos/${encodeURIComponent(label)}/${encodeURIComponent(name)}`;
}

/**
 * @param {string} label
 * @param {Kept[]} photos
 */
function without(label, photos) {
  const count = isNothing(label) ? 0 : photos.filter(({ hand }) => hand === false).length;
  return count ? `, ${count} without a hand` : "";
}
