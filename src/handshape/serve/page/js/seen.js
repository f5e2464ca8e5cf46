/** What was seen in the photos just taken: the hand over the camera's picture, and how often there was none. */

import { counted, find } from "./dom.js";
import { isNothing } from "./reading.js";
import { skeleton } from "./skeleton.js";

// Long enough to be seen, and gone before the next photo is thought of.
const SHOWN = 2500;

/** @typedef {{label: string, name: string, signer: string, hand: [number, number][] | null}} Saved */

export class Seen {
  constructor() {
    this.guide = find("#guide");
    this.missed = find("#no-hand");
    this.timer = 0;
    this.photos = 0;
    this.without = 0;
  }

  /** Begin to count anew. */
  forget() {
    this.photos = 0;
    this.without = 0;
  }

  /**
   * Show what was found in a photo.
   * @param {Saved} photo
   * @param {boolean} mirrored Whether the camera's picture is shown as the photo's mirror image.
   */
  take({ label, hand }, mirrored) {
    const missing = !hand && !isNothing(label);
    this.photos += 1;
    this.without += Number(missing);
    this.clear();
    this.guide.classList.toggle("without", missing);
    this.missed.hidden = !missing;
    if (hand) this.guide.append(skeleton(hand, mirrored));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.clear(), SHOWN);
  }

  clear() {
    this.guide.classList.remove("without");
    this.guide.querySelector(".skeleton")?.remove();
    this.missed.hidden = true;
  }

  /** How often no hand was found, and what to do about it, in words. */
  get words() {
    if (!this.without) return "";
    const where = this.photos === 1 ? "this photo" : `${this.without} of ${counted(this.photos, "photo")}`;
    return `No hand was found in ${where}. Nothing is lost, but only hands are learnt from: show the whole hand, with light on it, and take more.`;
  }
}
