/** Words: those that come with the page, or the user's own, for Practise and for suggestions in Spell. */

import { keep, recall } from "./settings.js";

const KEY = "handshape.words";
// A list of more words is cut: suggestions are looked for after each letter.
const MOST = 20_000;
const SHORTEST = 3;
const LONGEST = 8;

class Vocabulary extends EventTarget {
  constructor() {
    super();
    /** @type {string[]} In small letters, the usual ones first. */
    this.words = [];
  }

  /** Whether the words are the user's own. */
  get own() {
    return Array.isArray(recall(KEY));
  }

  /** Load the user's own words, or those of the page. */
  async load() {
    this.words = recall(KEY) ?? listOf(await fetch("words.txt").then((response) => response.text(), () => ""));
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string | null} text The user's words; null for those of the page again. */
  async use(text) {
    keep(KEY, text === null ? null : listOf(text));
    await this.load();
  }
}

export const vocabulary = new Vocabulary();

/**
 * Find the words in a text: one in each line, or with spaces or commas between them.
 * @param {string} text
 */
export function listOf(text) {
  return [...new Set(text.toLowerCase().split(/[^\p{L}\p{M}'’-]+/u).filter(Boolean))].slice(0, MOST);
}

/**
 * Choose words to practise, in capitals.
 * @param {string[]} words
 * @param {string[]} letters Letters of the recogniser; words of other letters are left out.
 */
export function wordsOf(words, letters) {
  const known = new Set(letters.map((letter) => letter.toUpperCase()));
  return words.filter(({ length }) => length >= SHORTEST && length <= LONGEST).map((word) => word.toUpperCase())
    .filter((word) => [...word].every((letter) => known.has(letter)));
}

/**
 * Suggest words for the one that is being spelled.
 * @param {string[]} words The usual ones first.
 * @param {string} text What is written so far.
 * @param {number} [most]
 */
export function suggestions(words, text, most = 4) {
  const begun = text.split(/\s/).at(-1)?.toLowerCase() ?? "";
  return begun ? words.filter((word) => word.length > begun.length && word.startsWith(begun)).slice(0, most) : [];
}

/**
 * Write a suggested word in place of its beginning.
 * @param {string} text
 * @param {string} word
 */
export function complete(text, word) {
  const begun = text.split(/\s/).at(-1) ?? "";
  const capitals = begun === begun.toUpperCase();
  return `${text.slice(0, text.length - begun.length)}${capitals ? word.toUpperCase() : word} `;
}
