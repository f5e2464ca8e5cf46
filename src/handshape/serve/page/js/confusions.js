/** What this learner's signs are read as: counts kept in the browser, and letters chosen by them. */

import { keep, recall } from "./settings.js";

const KEY = "handshape.confusions";

export class Confusions {
  constructor() {
    const found = recall(KEY);
    /** @type {Record<string, number>} How often a letter was signed and read: "A" right, "A>S" as S. */
    this.counts = found && typeof found === "object" ? found : {};
  }

  /**
   * Count one sign.
   * @param {string} asked
   * @param {string} read
   */
  add(asked, read) {
    const key = asked === read ? asked : `${asked}>${read}`;
    this.counts[key] = (this.counts[key] ?? 0) + 1;
    keep(KEY, this.counts);
  }

  forget() {
    this.counts = {};
    keep(KEY, this.counts);
  }

  /** @returns {{asked: string, read: string, times: number}[]} Pairs that were confused, the commonest first. */
  pairs() {
    return Object.entries(this.counts)
      .filter(([key]) => key.includes(">"))
      .map(([key, times]) => ({ asked: key.split(">")[0], read: key.split(">")[1], times }))
      .sort((a, b) => b.times - a.times || a.asked.localeCompare(b.asked));
  }

  /**
   * How often a letter should be asked for: more where it went wrong, less where it went well.
   * @param {string} letter
   */
  weight(letter) {
    let wrong = 0;
    for (const { asked, read, times } of this.pairs()) if (asked === letter || read === letter) wrong += times;
    const right = this.counts[letter] ?? 0;
    return (1 + 2 * wrong) / (1 + right / 2);
  }

  /**
   * Choose the next letter, never the same twice running where there are others.
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
