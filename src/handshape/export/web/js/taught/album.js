/** The photos that were taught, in this browser: they survive a closed tab and leave it only in a project file. */

/**
 * @typedef {object} Photo
 * @property {number} id
 * @property {string} label
 * @property {string} signer
 * @property {string} name Of its file: `<signer>_<n>.jpg`.
 * @property {Blob} photo The JPEG.
 * @property {boolean} removed Whether it is in the bin.
 * @property {string} method Of finding its hand.
 * @property {boolean} found Whether a hand was found.
 * @property {Float32Array} row (88)
 * @property {Float32Array} mirrored (25)
 * @property {[number, number][] | null} hand 21 landmarks in shares of its width and height.
 */

const PHOTOS = "photos";
const STATE = "state";
/** Photos of one page at most: a page that is out of control does not fill the disk. */
export const MOST = 20_000;

export class Album {
  /** @param {string} name Of the database: pages of one server share what they keep. */
  constructor(name) {
    /** @type {Promise<IDBDatabase>} */
    this.database = new Promise((done, fail) => {
      const opening = indexedDB.open(name, 1);
      opening.onupgradeneeded = () => {
        const photos = opening.result.createObjectStore(PHOTOS, { keyPath: "id", autoIncrement: true });
        photos.createIndex("name", ["label", "name"], { unique: true }); // where two tabs add a photo at once
        opening.result.createObjectStore(STATE);
      };
      opening.onsuccess = () => done(opening.result);
      opening.onerror = () => fail(opening.error);
    });
    this.database.catch(() => {}); // each use of it says so
    /** @type {Promise<boolean> | undefined} */
    this.lasting = undefined;
    /** @type {Promise<Photo[]> | null} All photos, until another tab changes one. */
    this.known = null;
    this.tabs = new BroadcastChannel(name);
    this.tabs.onmessage = () => (this.known = null);
  }

  /** @returns {Promise<readonly Photo[]>} All photos in the order they were taken, those in the bin too. */
  all() {
    this.known ??= this.work(PHOTOS, "readonly", (store) => store.getAll());
    this.known.catch(() => (this.known = null));
    return this.known;
  }

  /**
   * Save a photo under the next free number of its sign and signer, or return that with the same bytes.
   * @param {Omit<Photo, "id" | "name" | "removed">} photo
   * @returns {Promise<Photo>}
   */
  async add(photo) {
    this.lasting ??= navigator.storage?.persist?.().catch(() => false); // so that it is not deleted to make room
    const all = await this.all();
    const own = all.filter((one) => one.label === photo.label && one.signer.toLowerCase() === photo.signer.toLowerCase());
    for (const one of own) {
      if (!one.removed && one.signer === photo.signer && (await same(one.photo, photo.photo))) return one;
    }
    const number = 1 + Math.max(0, ...own.map(({ name }) => Number(name.match(/_(\d+)\.jpg$/)?.[1])));
    const made = { ...photo, name: `${photo.signer}_${number}.jpg`, removed: false };
    const saved = { ...made, id: await this.work(PHOTOS, "readwrite", (store) => store.add(made)) };
    this.tabs.postMessage(null);
    const known = this.all();
    const before = await known;
    // A list that was read meanwhile has it already.
    if (known === this.known) this.known = Promise.resolve([...before.filter(({ id }) => id !== saved.id), saved]);
    return saved;
  }

  /**
   * Change some fields of a photo, and leave the others as they are by now.
   * @param {number} id
   * @param {Partial<Photo>} fields
   */
  async change(id, fields) {
    await this.work(PHOTOS, "readwrite", (store) => {
      const reading = store.get(id);
      reading.onsuccess = () => store.put({ ...reading.result, ...fields });
      return reading;
    });
    this.known = null;
    this.tabs.postMessage(null);
  }

  /** @param {string} key Returns what was kept under it, or undefined. */
  recall(key) {
    return this.work(STATE, "readonly", (store) => store.get(key));
  }

  /**
   * @param {string} key
   * @param {unknown} value
   */
  async keep(key, value) {
    await this.work(STATE, "readwrite", (store) => store.put(value, key));
  }

  /**
   * @param {string} name
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} what
   * @returns {Promise<any>} Once it is on the disk.
   */
  async work(name, mode, what) {
    const database = await this.database;
    return new Promise((done, fail) => {
      const transaction = database.transaction(name, mode, { durability: "strict" });
      const request = what(transaction.objectStore(name));
      transaction.oncomplete = () => done(request.result);
      transaction.onabort = transaction.onerror = () => fail(transaction.error ?? request.error);
    });
  }
}

/**
 * @param {Blob} one
 * @param {Blob} other
 */
async function same(one, other) {
  if (one.size !== other.size) return false;
  const [first, second] = await Promise.all([one, other].map(async (blob) => new Uint8Array(await blob.arrayBuffer())));
  return first.every((byte, index) => byte === second[index]);
}
