/** The recogniser in use, as `GET /v1/model` describes it. */

import { get } from "./server.js";
import { keep, recall } from "./settings.js";

const KEY = "handshape.threshold";

class Model extends EventTarget {
  constructor() {
    super();
    /** @type {any} */
    this.about = null;
    /** @type {string[]} */
    this.labels = [];
    /** @type {{model: string, threshold: number} | null} */
    this.choice = recall(KEY);
  }

  /** Ask the server; nothing changes while it cannot be reached. */
  async refresh() {
    try {
      this.about = await get("v1/model");
      this.labels = this.about.labels;
    } catch {
      return;
    }
    this.dispatchEvent(new Event("change"));
  }

  /** @returns {number | undefined} The threshold that was chosen on this page for this recogniser, if one was. */
  get chosen() {
    return this.choice && this.choice.model === this.about?.model ? this.choice.threshold : undefined;
  }

  /** @returns {number} Least probability of an answer. */
  get threshold() {
    return this.chosen ?? this.about?.threshold ?? 0;
  }

  /** @param {number | undefined} threshold For this recogniser, kept in this browser; undefined for its own. */
  choose(threshold) {
    this.choice = threshold === undefined ? null : { model: this.about?.model, threshold };
    keep(KEY, this.choice);
  }

  /** @returns {string[]} Labels that are one letter of the alphabet. */
  get letters() {
    return this.labels.filter((label) => /^[A-Za-z]$/.test(label));
  }
}

export const model = new Model();
