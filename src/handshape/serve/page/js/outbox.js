/** The outbox: photos that the browser keeps until they are on the server's disk. */

import { ask } from "./server.js";

// Exported pages beside each other on one server keep their photos apart.
const NAME = `handshape outbox of ${new URL(".", location.href).pathname}`;
const STORE = "photos";
const AGAIN = 2000;

/** @typedef {{label: string, signer: string, photo: Blob, of_camera: boolean, path?: string}} Taken */

export class Outbox extends EventTarget {
  constructor() {
    super();
    this.waiting = 0;
    /** Photos that were saved since the count was last set to zero. */
    this.sent = 0;
    /** Whether the server cannot be reached. */
    this.away = false;
    /** @type {{path: string, reason: string}[]} Photos that were refused. */
    this.refused = [];
    this.sending = false;
    /** @type {Promise<IDBDatabase>} */
    this.database = new Promise((done, fail) => {
      const opening = indexedDB.open(NAME, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { autoIncrement: true });
      opening.onsuccess = () => done(opening.result);
      opening.onerror = () => fail(opening.error);
    });
    this.database.then(() => this.send(), () => {});
  }

  /**
   * Add a photo; it is sent as soon as the server can be reached.
   * @param {Taken} taken
   */
  async put(taken) {
    await this.work("readwrite", (store) => store.add(taken));
    await this.count();
    this.send();
  }

  /** Send the photos in order; those that fail are sent again later. */
  async send() {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let next = await this.first(); next; next = await this.first()) {
        const photo = await deliver(next.taken).catch((error) => this.fail(error, next.taken));
        await this.work("readwrite", (store) => store.delete(next.key));
        this.away = false;
        this.sent += 1;
        await this.count();
        if (photo) this.dispatchEvent(new CustomEvent("saved", { detail: { photo, of_camera: next.taken.of_camera } }));
      }
    } catch {
      this.away = true;
      setTimeout(() => this.send(), AGAIN);
    } finally {
      this.sending = false;
      await this.count();
    }
  }

  /**
   * Drop a photo that the server refuses, and show the reason; after other errors it stays.
   * @param {any} error
   * @param {Taken} taken
   */
  fail(error, { path, label }) {
    if (![400, 413, 415, 422].includes(error.status)) throw error;
    this.refused.push({ path: path ?? label, reason: error.message });
    return null;
  }

  async first() {
    const cursor = await this.work("readonly", (store) => store.openCursor());
    return cursor && { key: cursor.key, taken: /** @type {Taken} */ (cursor.value) };
  }

  async count() {
    this.waiting = await this.work("readonly", (store) => store.count());
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} what
   * @returns {Promise<any>}
   */
  async work(mode, what) {
    const database = await this.database;
    return new Promise((done, fail) => {
      const request = what(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => done(request.result);
      request.onerror = () => fail(request.error);
    });
  }
}

/** @param {Taken} taken */
function deliver({ label, signer, photo }) {
  const query = new URLSearchParams({ label, signer });
  return ask(`v1/teach/photos?${query}`, { method: "POST", headers: { "content-type": "image/jpeg" }, body: photo });
}
