/** Feedback on the photos just taken: landmarks over the camera's picture, and how often no hand was found. */

import { counted, find } from "./dom.js";
import { isNothing } from "./prediction.js";
import { LandmarkOverlay } from "./landmarks.js";

// Milliseconds.
const SHOWN = 2500;

/** @typedef {{label: string, name: string, signer: string, hand: [number, number][] | null}} Saved */

export class HandFeedback {
  constructor() {
    this.guide = find("#guide");
    this.missed = find("#no-hand");
    this.overlay = new LandmarkOverlay();
    this.timer = 0;
    this.photos = 0;
    this.without = 0;
  }

  /** Count from zero. */
  reset() {
    this.photos = 0;
    this.without = 0;
  }

  /**
   * Show the landmarks found in a photo.
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
    if (hand) this.guide.append(this.overlay.show(hand, mirrored).element);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.clear(), SHOWN);
  }

  clear() {
    this.guide.classList.remove("without");
    this.overlay.element.remove();
    this.missed.hidden = true;
  }

  /** How often no hand was found, and what to do about it. */
  get words() {
    if (!this.without) return "";
    const where = this.photos === 1 ? "this photo" : `${this.without} of ${counted(this.photos, "photo")}`;
    return `No hand was found in ${where}. Photos without a hand are saved but not used for training. Show the whole hand in good light, and take more.`;
  }
}
