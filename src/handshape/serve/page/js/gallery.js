/** The photos that were taken: looked at, taken out, put back. */

import { say } from "./announce.js";
import { counted, find, make } from "./dom.js";
import { ask, post } from "./server.js";

// So long can a photo be put back from the page; it stays in the bin folder after that.
const UNDO = 12_000;

export class Gallery {
  /** @param {() => Promise<void>} changed Called when a photo was taken out or put back. */
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
  }

  /** @param {{label: string, photos: {name: string, signer: string}[]}[]} labels */
  show(labels) {
    const before = this.known;
    this.known = new Map();
    const open = new Set([...this.place.querySelectorAll("details[open]")].map((one) => /** @type {HTMLElement} */ (one).dataset.label));
    this.place.replaceChildren(...labels.map(({ label, photos }) => {
      const items = [...photos].reverse().map((photo) => {
        const at = address(label, photo.name);
        const item = before.get(at) ?? this.thumbnail(label, photo, at);
        this.known.set(at, item);
        return item;
      });
      const group = make("details", { open: labels.length < 4 || open.has(label) },
        make("summary", {}, make("strong", { textContent: label }), ` ${counted(photos.length, "photo")}`),
        make("ul", { className: "thumbnails" }, ...items));
      group.dataset.label = label;
      return group;
    }));
  }

  /**
   * @param {string} label
   * @param {{name: string, signer: string}} photo
   * @param {string} at
   */
  thumbnail(label, photo, at) {
    const words = `${label}, ${photo.name.replace(/\.\w+$/, "").replaceAll("_", " ")}`;
    const remove = make("button", { type: "button", title: "Take out", "aria-label": `Take out ${words}` }, "×");
    remove.addEventListener("click", () => this.remove(label, photo.name, words));
    const image = make("img", { src: at, alt: words, loading: "lazy", width: 96, height: 96 });
    return make("li", {}, image, remove);
  }

  /**
   * @param {string} label
   * @param {string} name
   * @param {string} words
   */
  async remove(label, name, words) {
    const at = address(label, name);
    await ask(at, { method: "DELETE" }).catch((error) => say(error.message));
    this.offer(`Taken out: ${words}.`, async () => {
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
