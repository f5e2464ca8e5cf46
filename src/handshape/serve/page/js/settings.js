/** Settings that this browser keeps between visits. */

const KEY = "handshape.settings";
const DEFAULTS = { mirror: true, hand: "right", camera: "", hold: 1, hints: true, signer: "" };

/** @returns {any} What was kept under a name, or null where it is damaged or storage is not allowed. */
export function recall(/** @type {string} */ key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** Keep a value; without storage it is lost with the tab. */
export function keep(/** @type {string} */ key, /** @type {unknown} */ value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and full disks: the page works without storage.
  }
}

/** The settings; assign through `change` so that they are kept. */
export const settings = { ...DEFAULTS, ...recall(KEY) };

/** Change a setting and keep it. */
export function change(/** @type {string} */ name, /** @type {any} */ value) {
  /** @type {any} */ (settings)[name] = value;
  keep(KEY, settings);
}
