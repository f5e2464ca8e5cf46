/** Requests to the server; a refusal becomes an error with the server's own sentence. */

const HERE = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

/** Where signs are read, in words; an exported page, which has no server, says other ones. */
export const place = {
  lost: "Looking for the server",
  privacy: `Only the square is read, by handshape on ${HERE ? "this computer" : location.hostname}. Outside Teach nothing is kept.`,
  off: "Its pictures are read on the computer that runs handshape, and are not kept.",
  teach: "under Teach you can show it your hands",
};

export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {number} [status] Nothing where the server could not be reached.
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
