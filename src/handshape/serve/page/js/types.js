/**
 * @typedef {object} Prediction The prediction of one frame or photo, with the keys of `Prediction.to_dict()` in Python.
 * @property {string} label The most probable label, "no hand", or "unsure".
 * @property {number} probability Probability of the most probable label, 0 to 1.
 * @property {boolean} sure Whether it reaches the recogniser's threshold and the label is an answer.
 * @property {boolean | null} hand_found Whether a hand was found; null where none was looked for.
 * @property {boolean | null} right_hand Whether it is a right hand, as others see it; null where no hand was found.
 * @property {[string, number][]} top The most probable labels, best first.
 * @property {[number, number][] | null} [hand] 21 landmarks, x to the right and y down, as fractions of the frame; null where
 *   no hand was found.
 * @property {number} [milliseconds] From the frame's arrival to its prediction.
 * @property {number} [sequence] Number of the frame.
 *
 * @typedef {"sure" | "unsure" | "nothing" | "waiting"} State
 *
 * @typedef {object} Display What the page shows of a prediction.
 * @property {State} state
 * @property {string} label The most probable label, also where the prediction is unsure.
 * @property {number} probability
 * @property {[string, number][]} top
 * @property {boolean | null} [rightHand] Whether the hand in the frame is a right hand; null where none was found.
 *
 * @typedef {object} View One of the page's views.
 * @property {boolean} camera Whether it needs the camera.
 * @property {() => void} enter
 * @property {() => void} [leave]
 * @property {(display: Display, now: number) => void} [show] Called with each prediction; now in milliseconds.
 * @property {(event: KeyboardEvent) => boolean} [key] Called with each key; true if the view handled it.
 */
export {};
