/** Messages for screen readers: each letter once, when it has been shown for a moment. */

import { find } from "./dom.js";
import { verdict } from "./prediction.js";

// Milliseconds for which a prediction must stay the same before it is announced.
const STAYS = 900;

const place = find("#announce");
let shown = "";
let since = 0;
let announced = "";

/** Say something now. */
export function say(/** @type {string} */ words) {
  place.textContent = words;
}

/**
 * Announce a prediction once it has stayed the same for a moment.
 * @param {import("./types.js").Display} display
 * @param {number} now Milliseconds.
 */
export function sayPrediction(display, now) {
  const what = display.state === "sure" ? display.label : display.state;
  if (what !== shown) {
    shown = what;
    since = now;
  } else if (what !== announced && now - since >= STAYS) {
    announced = what;
    say(display.state === "sure" ? display.label : verdict(display));
  }
}
