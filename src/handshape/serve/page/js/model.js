/** What is known about the recogniser in use. */

import { get } from "./server.js";

class Model extends EventTarget {
  constructor() {
    super();
    /** @type {any} */
    this.about = null;
    /** @type {string[]} */
    this.labels = [];
  }

  /** Ask the server for it; nothing changes while the server is away. */
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
