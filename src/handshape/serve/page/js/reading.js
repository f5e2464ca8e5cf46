/** From an answer to what is shown: the letter, how sure, the three most probable; "unsure" and "no hand" as such. */

import { listed, make, percent } from "./dom.js";

/** Labels by which people call photos without a sign. */
const NOTHING = new Set(["nothing", "none", "no hand", "no_hand", "background", "empty"]);

/** @type {import("./types.js").Reading} */
export const WAITING = { state: "waiting", label: "", probability: 0, top: [] };

/** @param {string} label */
export function isNothing(label) {
  return NOTHING.has(label.toLowerCase());
}

/**
 * @param {import("./types.js").Answer} answer
 * @returns {import("./types.js").Reading}
 */
export function readingOf(answer) {
  const [label, probability] = answer.top[0];
  const state = isNothing(label) ? "nothing" : answer.sure ? "sure" : "unsure";
  return { state, label, probability, top: answer.top };
}

/**
 * The sentence under the letter.
 * @param {import("./types.js").Reading} reading
 */
export function verdict(reading) {
  if (reading.state === "sure") return `${percent(reading.probability)} sure`;
  if (reading.state === "nothing") return "No hand in the box";
  if (reading.state === "waiting") return "Waiting for the camera";
  const likely = reading.top.slice(0, 2).map(([label]) => label);
  return `Unsure: perhaps ${listed(likely.filter((label) => !isNothing(label)), "or")}`;
}

/**
 * What stands for a reading in large type.
 * @param {import("./types.js").Reading} reading
 */
export function glyph(reading) {
  return { sure: reading.label, unsure: "?", nothing: "–", waiting: "–" }[reading.state];
}

/** Shows readings in one place of the page. */
export class ReadingPanel {
  /** @param {HTMLElement} place Holds .letter, .verdict and perhaps .bars and .ring. */
  constructor(place) {
    this.place = place;
    this.letter = /** @type {HTMLElement} */ (place.querySelector(".letter"));
    this.verdict = /** @type {HTMLElement} */ (place.querySelector(".verdict"));
    this.bars = place.querySelector(".bars");
    this.done = /** @type {SVGElement | null} */ (place.querySelector(".done"));
  }

  /**
   * @param {import("./types.js").Reading} reading
   * @param {string} [sentence] Instead of the usual one.
   */
  show(reading, sentence) {
    this.place.dataset.state = reading.state;
    const text = glyph(reading);
    if (this.letter.textContent !== text) this.letter.textContent = text;
    this.letter.classList.toggle("long", text.length > 2);
    this.verdict.textContent = sentence ?? verdict(reading);
    if (this.bars) showBars(this.bars, reading.top);
  }

  /** @param {number} progress Of holding a letter, 0 to 1. */
  hold(progress) {
    this.done?.style.setProperty("stroke-dashoffset", String(1 - progress));
  }
}

/**
 * Show the most probable labels as bars, reusing the rows that are there.
 * @param {Element} list
 * @param {[string, number][]} top
 */
export function showBars(list, top) {
  while (list.children.length > top.length) list.lastChild?.remove();
  while (list.children.length < top.length) {
    list.append(make("li", {}, make("span", { className: "what" }), make("i"), make("span", { className: "share" })));
  }
  top.forEach(([label, probability], index) => {
    const [what, bar, share] = /** @type {any} */ (list.children[index].children);
    what.textContent = label;
    bar.style.setProperty("--share", probability.toFixed(4));
    share.textContent = percent(probability);
  });
}
