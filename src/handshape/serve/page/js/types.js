/**
 * @typedef {object} Answer What the server says of one frame or photo.
 * @property {string} label The most probable label, or "unsure".
 * @property {number} probability Of the most probable label, 0 to 1.
 * @property {boolean} sure Whether that reaches the recogniser's threshold.
 * @property {[string, number][]} top The most probable labels, best first.
 * @property {number} [milliseconds] From the frame's arrival to its answer.
 * @property {number} [sequence] Number of the frame.
 *
 * @typedef {"sure" | "unsure" | "nothing" | "waiting"} State
 *
 * @typedef {object} Reading What the page shows of an answer.
 * @property {State} state
 * @property {string} label The label that is shown; of "unsure" the most probable one.
 * @property {number} probability
 * @property {[string, number][]} top
 *
 * @typedef {object} View One of the page's views.
 * @property {boolean} camera Whether it needs the camera.
 * @property {() => void} enter
 * @property {() => void} [leave]
 * @property {(reading: Reading, now: number) => void} [show] Called with each reading; now in milliseconds.
 * @property {(event: KeyboardEvent) => boolean} [key] Called with each key; true where it was used.
 */
export {};
