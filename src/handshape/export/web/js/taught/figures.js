/** The accuracy of added signs on each person left out, as teaching/ in Python measures and words it. */

import { Signs } from "../signs.js";

/**
 * @typedef {import("../signs.js").Base} Base
 * @typedef {import("../signs.js").Example} Example
 *
 * @typedef {object} Tested One photo of a person who was left out.
 * @property {string} label
 * @property {string} signer
 * @property {string} predicted
 * @property {number} probability Of the predicted label.
 */

// With fewer people, the average says little about the next one.
const FEW = 10;
const CURVE_POINTS = 101;

/**
 * Leave each person out once: their photos of signs that somebody else shows, or that the base knows, are classified
 * by the base with the signs of all others.
 * @param {Base} base
 * @param {Example[]} examples
 * @param {number} threshold Probability below which the label is "unsure".
 */
export function leavePeopleOut(base, examples, threshold) {
  const people = [...new Set(examples.map(({ signer }) => signer))].sort();
  /** @type {Tested[]} */
  const tested = [];
  for (const signer of people.length > 1 ? people : []) {
    const others = examples.filter((one) => one.signer !== signer);
    const known = new Set([...base.labels, ...others.map(({ label }) => label)]);
    const own = examples.filter((one) => one.signer === signer && known.has(one.label));
    if (own.length) tested.push(...classified(new Signs(base, others), own));
  }
  const figures = tested.length ? figuresOf(tested, threshold) : null;
  const untested = 1 - tested.length / examples.length;
  return { ...figures, sentence: sentenceOf(people, figures?.signers ?? {}, untested), photos: examples.length };
}

/**
 * @param {Signs} signs
 * @param {Example[]} examples
 * @returns {Tested[]}
 */
function classified(signs, examples) {
  return examples.map(({ label, signer, row }) => {
    const found = signs.logProbabilities(row);
    const best = found.indexOf(Math.max(...found));
    return { label, signer, predicted: signs.labels[best], probability: Math.exp(found[best]) };
  });
}

/**
 * @param {Tested[]} tested
 * @param {number} threshold
 */
function figuresOf(tested, threshold) {
  const correct = (/** @type {Tested[]} */ photos) => photos.filter(({ label, predicted }) => label === predicted).length / photos.length;
  const signers = Object.fromEntries([...grouped(tested, ({ signer }) => signer)]
    .map(([name, own]) => [name, { accuracy: correct(own), n: own.length }]));
  const byLabel = [...grouped(tested, ({ label }) => label)].sort(([one], [other]) => (one < other ? -1 : 1));
  const labels = Object.fromEntries(byLabel.map(([label, own]) => [label, { recall: correct(own), support: own.length }]));
  const accuracies = Object.values(signers).map(({ accuracy }) => accuracy);
  const answered = tested.filter(({ probability }) => probability >= threshold);
  return {
    test_accuracy: accuracies.reduce((sum, one) => sum + one, 0) / accuracies.length,
    signers,
    labels,
    most_confused: mostConfused(byLabel),
    rejection: {
      threshold,
      coverage: answered.length / tested.length,
      accuracy: correct(tested),
      answered_accuracy: answered.length ? correct(answered) : null,
      curve: curveOf(tested),
    },
  };
}

/**
 * Return the accuracy on the photos with the highest probability, for each share of photos that is answered. Photos of
 * equal probability have no order: each counts with the accuracy of all of them.
 * @param {Tested[]} tested
 */
function curveOf(tested) {
  const blocks = [...grouped(tested, ({ probability }) => String(Math.fround(probability)))];
  blocks.sort(([one], [other]) => Number(other) - Number(one));
  let right = 0;
  const all = blocks.flatMap(([threshold, own]) => {
    const share = own.filter(({ label, predicted }) => label === predicted).length / own.length;
    return own.map(() => ({ threshold: Number(threshold), right: (right += share) }));
  });
  const last = all.length - 1;
  const points = Math.min(all.length, CURVE_POINTS);
  const places = [...new Set(Array.from({ length: points }, (_, point) => Math.round((point * last) / Math.max(points - 1, 1))))];
  return {
    coverage: places.map((place) => (place + 1) / all.length),
    accuracy: places.map((place) => all[place].right / (place + 1)),
    thresholds: places.map((place) => all[place].threshold),
  };
}

/**
 * Return the most frequent mistake; among equals, the one with the larger share of its label.
 * @param {[string, Tested[]][]} byLabel
 */
function mostConfused(byLabel) {
  const found = byLabel.flatMap(([label, own]) => [...grouped(own, ({ predicted }) => predicted)]
    .filter(([predicted]) => predicted !== label)
    .map(([predicted, photos]) => ({ true: label, predicted, count: photos.length, share: photos.length / own.length })));
  found.sort((one, other) => other.count - one.count || other.share - one.share);
  return found[0] ?? null;
}

/**
 * @template Item
 * @param {Item[]} items
 * @param {(item: Item) => string} key
 * @returns {Map<string, Item[]>}
 */
export function grouped(items, key) {
  /** @type {Map<string, Item[]>} */
  const found = new Map();
  for (const item of items) {
    const own = found.get(key(item));
    if (own) own.push(item);
    else found.set(key(item), [item]);
  }
  return found;
}

/**
 * @param {string[]} people
 * @param {Record<string, {accuracy: number}>} signers
 * @param {number} untested Share of the photos of signs that only one person shows.
 */
function sentenceOf(people, signers, untested) {
  const names = Object.keys(signers);
  if (people.length === 1) {
    return `Its accuracy on anyone but ${people[0]} is not known: all photos are of one person. Ask someone else to sign, and train again.`;
  }
  if (!names.length) return "Its accuracy is not known, because each sign is shown by one person only. Let others show it too.";
  let text = "";
  if (people.length === 2) {
    const each = names.map((name) => `${percent(signers[name].accuracy)} of ${name}'s photos`).join(" and ");
    text = `Taught by one person and tested on the other, it predicted ${each} correctly. Two people are few: its accuracy on someone new may be quite different.`;
  } else {
    const worst = names.reduce((one, other) => (signers[other].accuracy < signers[one].accuracy ? other : one));
    const mean = names.reduce((sum, name) => sum + signers[name].accuracy, 0) / names.length;
    text = `Tested on each of ${people.length} people after teaching by the others, it predicted ${percent(mean)} of the photos correctly on average, and ${percent(signers[worst].accuracy)} for ${worst}, the lowest. Expect about the average for someone new.`;
    if (people.length < FEW) text += ` ${people.length} people are few, so it may be different.`;
  }
  if (untested > 0) text += ` ${percent(untested)} of the photos show a sign that only one person signs: the accuracy on these is not known.`;
  return text;
}

/** @param {number} share */
function percent(share) {
  return `${share === 1 ? 100 : Math.min(99, Math.round(100 * share))} %`;
}
