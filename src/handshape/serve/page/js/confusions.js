/** Counts of a learner's signs by asked and predicted letter, kept in the browser, and letters chosen by them. */

import { keep, recall } from "./settings.js";

const KEY = "handshape.confusions";

export class Confusions {
  constructor() {
    const found = recall(KEY);
    /** @type {Record<string, number>} How often a letter was signed: "A" and predicted as A, "A>S" and predicted as S. */
    this.counts = found && typeof found === "object" ? found : {};
  }

  /**
   * Count one sign.
   * @param {string} asked
   * @param {string} predicted
   */
  add(asked, predicted) {
    const key = asked === predicted ? asked : `${asked}>${predicted}`;
    this.counts[key] = (this.counts[key] ?? 0) + 1;
    keep(KEY, this.counts);
  }

  forget() {
    this.counts = {};
    keep(KEY, this.counts);
  }

  /** @returns {{asked: string, predicted: string, times: number}[]} Pairs that were confused, most frequent first. */
  pairs() {
    return Object.entries(this.counts)
      .filter(([key]) => key.includes(">"))
      .map(([key, times]) => ({ asked: key.split(">")[0], predicted: key.split(">")[1], times }))
      .sort((a, b) => b.times - a.times || a.asked.localeCompare(b.asked));
  }

  /** @returns {{letter: string, times: number, correct: number, confused: string[]}[]} Each letter that was signed. */
  letters() {
    const pairs = this.pairs();
    const asked = new Set(Object.keys(this.counts).map((key) => key.split(">")[0]));
    return [...asked].sort().map((letter) => {
      const wrong = pairs.filter((pair) => pair.asked === letter);
      const correct = this.counts[letter] ?? 0;
      const times = correct + wrong.reduce((sum, pair) => sum + pair.times, 0);
      return { letter, times, correct, confused: wrong.map((pair) => pair.predicted) };
    });
  }

  /**
   * Weight with which a letter is asked for: higher after confusions, lower after correct signs.
   * @param {string} letter
   */
  weight(letter) {
    let confused = 0;
    for (const { asked, predicted, times } of this.pairs()) if (asked === letter || predicted === letter) confused += times;
    const correct = this.counts[letter] ?? 0;
    return (1 + 2 * confused) / (1 + correct / 2);
  }

  /**
   * Choose the next letter, not the last one where there are others.
   * @param {string[]} letters
   * @param {string} [last]
   * @param {() => number} [random]
   */
  choose(letters, last, random = Math.random) {
    const others = letters.length > 1 ? letters.filter((letter) => letter !== last) : letters;
    const weights = others.map((letter) => this.weight(letter));
    let spot = random() * weights.reduce((sum, weight) => sum + weight, 0);
    return others.find((_, index) => (spot -= weights[index]) < 0) ?? others[others.length - 1];
  }
}
