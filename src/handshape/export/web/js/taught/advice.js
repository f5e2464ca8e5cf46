/** What to do next, so that taught signs are recognised better: serve/teach/advice.py, for photos in this browser. */

import { counted, listed } from "../dom.js";
import { isNothing } from "../prediction.js";
import { grouped } from "./figures.js";

const MOST = 3;
// With so many people their mean accuracy says roughly what to expect of the next one.
const PEOPLE = 5;
// Photos of a sign below which more of them help most.
const FEW_PHOTOS = 5;
// Photos of one person and sign whose landmarks differ less than this (root mean square, in lengths of the palm) show
// one view of the hand; advice.py says where the number is from.
const ALIKE = 0.035;
const LEAST_TO_COMPARE = 4;
const NAMED = 8;

/**
 * @typedef {import("./album.js").Photo} Photo
 * @typedef {{text: string, photos: [string, string][]}} Advice Photos by label and name.
 */

/**
 * Return what to do next, the best first.
 * @param {Photo[]} photos
 * @param {{true: string, predicted: string, count: number} | null} confused The most frequent mistake of what was taught.
 * @returns {Advice[]}
 */
export function adviceOf(photos, confused) {
  const signs = grouped(photos.filter(({ label }) => !isNothing(label)), ({ label }) => label);
  if (!signs.size) return [];
  return [...withoutHand(signs), ...lookAlike(signs, confused), ...people(signs), ...few(signs), ...turn(signs)].slice(0, MOST);
}

/**
 * @param {string} text
 * @param {Photo[]} [photos] That show it.
 * @returns {Advice}
 */
function advice(text, photos = []) {
  return { text, photos: photos.map(({ label, name }) => [label, name]) };
}

/** @param {Map<string, Photo[]>} signs */
function withoutHand(signs) {
  for (const [label, own] of signs) {
    const blind = own.filter(({ found }) => !found);
    if (2 * blind.length < own.length) continue;
    return [advice(`No hand was found in ${blind.length} of ${own.length} photos of ${label}. Take new ones: the whole hand, in good light.`, blind.slice(0, 2))];
  }
  return [];
}

/**
 * @param {Map<string, Photo[]>} signs
 * @param {{true: string, predicted: string, count: number} | null} confused
 */
function lookAlike(signs, confused) {
  if (!confused || !signs.has(confused.true)) return [];
  const { predicted, count } = confused;
  const more = signs.has(predicted) ? "both" : confused.true;
  const taken = `${counted(count, "photo")} of ${confused.true} ${count === 1 ? "was" : "were"} predicted as ${predicted}`;
  const text = `${confused.true} and ${predicted} look alike: ${taken}. Show where they differ, and take more photos of ${more}.`;
  return [advice(text, [confused.true, predicted].flatMap((label) => (signs.get(label) ?? []).slice(0, 1)))];
}

/** @param {Map<string, Photo[]>} signs */
function people(signs) {
  const names = new Set([...signs.values()].flat().map(({ signer }) => signer));
  if (names.size === 1) return [advice(`Ask somebody else to sign: all photos are of ${[...names][0]}, and people's hands differ.`)];
  const alone = [...signs].filter(([, own]) => new Set(own.map(({ signer }) => signer)).size === 1);
  if (alone.length) {
    return [advice(`Ask somebody else to show ${named(alone.map(([label]) => label))}: one person alone shows each.`, alone[0][1].slice(0, 1))];
  }
  if (names.size >= PEOPLE) return [];
  const more = PEOPLE - names.size;
  return [advice(`Ask ${more} more ${more === 1 ? "person" : "people"} to sign: with ${PEOPLE}, the accuracy says roughly what to expect of others.`)];
}

/** @param {string[]} labels Lists them, the first few of many. */
function named(labels) {
  return labels.length > NAMED ? `${labels.slice(0, NAMED).join(", ")} and ${labels.length - NAMED} more` : listed(labels);
}

/** @param {Map<string, Photo[]>} signs */
function few(signs) {
  const [label, own] = [...signs].reduce((one, other) => (other[1].length < one[1].length ? other : one));
  if (own.length >= FEW_PHOTOS) return [];
  return [advice(`Take more photos of ${label}: it has ${counted(own.length, "photo")}. Ten of each person are plenty.`, own.slice(0, 1))];
}

/** @param {Map<string, Photo[]>} signs */
function turn(signs) {
  for (const [label, own] of signs) {
    for (const [signer, photos] of grouped(own.filter(({ hand }) => hand), (one) => one.signer)) {
      if (photos.length < LEAST_TO_COMPARE || spreadOf(photos.map(({ hand }) => hand ?? [])) >= ALIKE) continue;
      return [advice(`Turn and tilt the hand while you take photos. ${signer}'s photos of ${label} are nearly the same.`, [photos[0], photos[photos.length - 1]])];
    }
  }
  return [];
}

/**
 * Return how much hands differ: root mean square distance to the mean hand, in lengths of the palm.
 * @param {[number, number][][]} hands
 */
function spreadOf(hands) {
  const scaled = hands.map((hand) => {
    const [x, y] = hand[0];
    const palm = Math.max(Math.hypot(hand[9][0] - x, hand[9][1] - y), 1e-6);
    return hand.flatMap(([along, down]) => [(along - x) / palm, (down - y) / palm]);
  });
  const mean = scaled[0].map((_, index) => scaled.reduce((sum, hand) => sum + hand[index], 0) / scaled.length);
  const squares = scaled.flatMap((hand) => hand.map((along, index) => (along - mean[index]) ** 2));
  return Math.sqrt((2 * squares.reduce((sum, one) => sum + one, 0)) / squares.length);
}
