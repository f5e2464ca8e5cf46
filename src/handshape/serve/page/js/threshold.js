/** The threshold of an answer: chosen on the page, with what each choice costs on the recogniser's test photos. */

import { find, percent } from "./dom.js";
import { model } from "./model.js";

/**
 * Coverage and accuracy on the answered test photos.
 * @param {{coverage: number[], accuracy: number[], thresholds: number[]} | undefined} curve By falling threshold.
 * @param {number} threshold
 * @returns {{coverage: number, accuracy: number | null} | null} Null where the recogniser holds no curve.
 */
export function costOf(curve, threshold) {
  if (!curve?.thresholds) return null;
  const at = curve.thresholds.findLastIndex((one) => one >= threshold);
  return at < 0 ? { coverage: 0, accuracy: null } : { coverage: curve.coverage[at], accuracy: curve.accuracy[at] };
}

export class Threshold {
  /** @param {() => void} changed Called when another threshold was chosen. */
  constructor(changed) {
    this.place = find("#threshold");
    this.slider = find("input", this.place);
    this.reset = find("button", this.place);
    this.slider.addEventListener("input", () => this.choose(Number(this.slider.value)));
    this.reset.addEventListener("click", () => this.choose(undefined));
    this.changed = changed;
  }

  /** @param {number | undefined} threshold */
  choose(threshold) {
    model.choose(threshold);
    this.show();
    this.changed();
  }

  /** Show the threshold in use. */
  show() {
    this.place.hidden = !model.labels.length;
    if (this.place.hidden) return;
    const { threshold, chosen, about } = model;
    this.slider.value = String(threshold);
    find("output", this.place).textContent = percent(threshold);
    const { coverage, answered_accuracy: accuracy, curve } = about.figures?.rejection ?? {};
    const known = chosen === undefined && coverage !== undefined;
    find(".small", this.place).textContent = sentence(known ? { coverage, accuracy } : costOf(curve, threshold));
    this.reset.hidden = chosen === undefined;
    this.reset.textContent = `Back to ${percent(about.threshold)}`;
  }
}

/** @param {{coverage: number, accuracy: number | null} | null} cost */
function sentence(cost) {
  if (!cost) return "What this costs was not measured for this recogniser.";
  if (cost.accuracy === null) return "It would answer none of its test photos.";
  return `On its test photos it answers ${percent(cost.coverage)}, and ${percent(cost.accuracy)} of these answers are correct.`;
}
