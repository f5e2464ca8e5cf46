/** The recogniser in use, as `GET /v1/model` describes it. */

import { get } from "./server.js";

class Model extends EventTarget {
  constructor() {
    super();
    /** @type {any} */
    this.about = null;
    /** @type {string[]} */
    this.labels = [];
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

  /** @returns {string[]} Labels that are one letter of the alphabet. */
  get letters() {
    return this.labels.filter((label) => /^[A-Za-z]$/.test(label));
  }
}

export const model = new Model();
