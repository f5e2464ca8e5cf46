/** From a prediction to what is shown: the letter, its probability, the three most probable labels; "unsure" and "no hand". */

import { listed, make, percent } from "./dom.js";

/** Labels by which people call photos without a sign. */
const NOTHING = new Set(["nothing", "none", "no hand", "no_hand", "background", "empty"]);

/** @type {import("./types.js").Display} */
export const WAITING = { state: "waiting", label: "", probability: 0, top: [] };

/** @param {string} label */
export function isNothing(label) {
  return NOTHING.has(label.toLowerCase());
}

/**
 * @param {import("./types.js").Prediction} prediction
 * @param {number} [threshold] Least probability of an answer, if it is not the recogniser's own.
 * @returns {import("./types.js").Display}
 */
export function displayOf({ label: said, sure, top, right_hand: rightHand }, threshold) {
  const [label, probability] = top[0];
  const answered = threshold === undefined ? sure : probability >= threshold;
  const state = isNothing(said) || isNothing(label) ? "nothing" : answered ? "sure" : "unsure";
  return { state, label, probability, top, rightHand };
}

/**
 * The sentence under the letter.
 * @param {import("./types.js").Display} display
 */
export function verdict(display) {
  if (display.state === "sure") return `Probability ${percent(display.probability)}`;
  if (display.state === "nothing") return "No hand in the box";
  if (display.state === "waiting") return "Waiting for the camera";
  const likely = display.top.slice(0, 2).map(([label]) => label);
  return `Unsure: perhaps ${listed(likely.filter((label) => !isNothing(label)), "or")}`;
}

/**
 * The prediction in large type.
 * @param {import("./types.js").Display} display
 */
export function glyph(display) {
  return { sure: display.label, unsure: "?", nothing: "–", waiting: "–" }[display.state];
}

/** Shows predictions in one place of the page. */
export class PredictionPanel {
  /** @param {HTMLElement} place Holds .letter, .verdict and perhaps .bars and .ring. */
  constructor(place) {
    this.place = place;
    this.letter = /** @type {HTMLElement} */ (place.querySelector(".letter"));
    this.verdict = /** @type {HTMLElement} */ (place.querySelector(".verdict"));
    this.bars = place.querySelector(".bars");
    this.done = /** @type {SVGElement | null} */ (place.querySelector(".done"));
  }

  /**
   * @param {import("./types.js").Display} display
   * @param {string} [sentence] Instead of the usual sentence.
   */
  show(display, sentence) {
    this.place.dataset.state = display.state;
    const text = glyph(display);
    if (this.letter.textContent !== text) this.letter.textContent = text;
    this.letter.classList.toggle("long", text.length > 2);
    this.verdict.textContent = sentence ?? verdict(display);
    if (this.bars) showBars(this.bars, display.top);
  }

  /** @param {number} progress How long a letter was held, 0 to 1. */
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
