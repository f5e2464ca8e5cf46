/** What a screen reader hears: letters that stay, each once, and never a torrent. */

import { find } from "./dom.js";
import { verdict } from "./reading.js";

// A reading is said when it has stayed this long, and not more often than that.
const STAYS = 900;

const place = find("#announce");
let shown = "";
let since = 0;
let said = "";

/** Say something now. */
export function say(/** @type {string} */ words) {
  place.textContent = words;
}

/**
 * Take in a reading, and say it when it has stayed.
 * @param {import("./types.js").Reading} reading
 * @param {number} now Milliseconds.
 */
export function sayReading(reading, now) {
  const what = reading.state === "sure" ? reading.label : reading.state;
  if (what !== shown) {
    shown = what;
    since = now;
  } else if (what !== said && now - since >= STAYS) {
    said = what;
    say(reading.state === "sure" ? reading.label : verdict(reading));
  }
}
