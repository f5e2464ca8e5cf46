/** Requests to the server; a refusal becomes an error with the server's message. */

const HERE = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

/** Texts that an exported page, which has no server, replaces. */
export const place = {
  lost: "Connecting to the server",
  privacy: `Only the square is used, on ${HERE ? "this computer" : location.hostname}. Nothing is saved unless you use Teach.`,
  off: "Its pictures go to the computer that runs handshape, and are not saved.",
  teach: "you can train it on your own hands under Teach",
  photos: "",
};

export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {number} [status] Undefined where the server could not be reached.
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path Relative to the page.
 * @param {RequestInit} [options]
 * @returns {Promise<any>} The JSON that came back.
 */
export async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Refusal("The server cannot be reached. Is handshape still running?");
  }
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  throw new Refusal(body?.message ?? `The server answered ${response.status}.`, response.status);
}

/** @param {string} path */
export function get(path) {
  return ask(path);
}

/**
 * @param {string} path
 * @param {any} [body] Sent as JSON.
 */
export function post(path, body = {}) {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/**
 * Where a photo of Teach is; an exported page makes the address when it is asked for.
 * @param {string} label
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function photoAddress(label, name) {
  return `v1/teach/photos/${encodeURIComponent(label)}/${encodeURIComponent(name)}`;
}

/**
 * Fetch what Teach lets people take away.
 * @param {string} what One of `downloads` in the answer of `GET v1/teach`.
 * @returns {Promise<{name: string, content: Blob}>} A zip archive and its name.
 */
export async function download(what) {
  const response = await fetch(`v1/teach/download/${what}`, { cache: "no-store" }).catch(() => {
    throw new Refusal("The server cannot be reached. Is handshape still running?");
  });
  if (!response.ok) throw new Refusal((await response.json()).message, response.status);
  const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1];
  return { name: name ?? `handshape-${what}.zip`, content: await response.blob() };
}
