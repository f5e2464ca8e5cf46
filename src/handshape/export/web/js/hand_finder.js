/** Finds the hand in a photo as it is, and its landmarks: what models/hand/hand_finder.py does, in the browser. */

import { cut } from "./crop.js";
import { resize } from "./resize.js";

/**
 * @typedef {import("./crop.js").Box} Box
 * @typedef {import("./resize.js").Pixels} Pixels
 *
 * @typedef {object} Graphs
 * @property {(crop: Uint8Array) => Promise<Float32Array>} palm From 192 x 192 pixels to the palm's x, y and side in shares of the crop, and its rotation.
 * @property {(crop: Uint8Array) => Promise<Found>} hand From 224 x 224 pixels to what is found in them.
 *
 * @typedef {object} Found
 * @property {Float32Array} points 21 landmarks: x, y and depth in shares of the crop.
 * @property {number} presence
 * @property {number} right_hand
 * @property {Float32Array} embedding
 *
 * @typedef {object} Hand The most visible hand of a photo; lengths are in shares of the photo's longer side.
 * @property {Float32Array} points 21 landmarks: x to the right, y down, and depth.
 * @property {number} presence Probability that there is a hand.
 * @property {number} rightHand Probability that it is a right hand, as others see it.
 * @property {Float32Array} embedding From the landmark network's last layer: says which hand shape it is.
 * @property {Box} box In which it was found, in pixels of the photo.
 * @property {boolean} lighter Whether it was found in the lightened photo.
 *
 * @typedef {object} Attempt One way of looking for the palm.
 * @property {number} room Side of the square that is looked at, in longer sides of the photo.
 * @property {boolean} lighter Whether the photo is lightened.
 * @property {number} rotation Of the square, clockwise, radians.
 */

const POINTS = 21;
const PALM_SIZE = 192;
const CROP_SIZE = 224;
// The palm is looked for in the photo at this many pixels on its longer side.
const LONG_SIDE = 640;
// From the palm's box to the hand's: how much larger, and how far towards the fingers, in sides of the palm's box.
const PALMS = 2.68;
const AHEAD = 0.32;
// The same from the box around the landmarks that are not at fingertips.
const HANDS = 2.0;
const FURTHER = 0.1;
// Landmarks are found again in the crop that they give themselves where it differs by more than this.
const SHIFTED = 0.06;
const SCALED = 0.1;
const ROTATED = 0.15;
// Boxes are rounded to these shares of a pixel and of a radian. So the last bits, which differ between processors,
// runtimes and languages, seldom change the crop: the landmark network notices single levels.
const PIXEL = 16;
const RADIAN = 1024;
// Below this presence the landmarks give no better crop; at that one an attempt is the last; above this there is a hand.
const AGAIN = 2;
const LEAST = 0.1;
const CLEAR = 0.8;
const PRESENT = 0.5;
const WRIST = 0;
const ROOTS = [5, 9, 13, 17];
const ROOTED = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18];

/** @type {Attempt[]} In their order; the first that shows a hand clearly is the last. */
export const ATTEMPTS = [
  { room: 1.5, lighter: true, rotation: 0 },
  { room: 1, lighter: false, rotation: 0 },
  { room: 2.2, lighter: false, rotation: 0 },
  { room: 1, lighter: true, rotation: 0 },
  { room: 3.2, lighter: true, rotation: 0 },
  { room: 1.5, lighter: false, rotation: 0 },
  { room: 2.2, lighter: true, rotation: 0 },
  { room: 3.2, lighter: false, rotation: 0 },
  { room: 1.5, lighter: false, rotation: 0.5 },
  { room: 1.5, lighter: false, rotation: -0.5 },
  { room: 1.5, lighter: false, rotation: Math.PI },
  { room: 2.2, lighter: true, rotation: Math.PI },
];

/** @param {Pick<Hand, "presence">} hand */
export function isFound(hand) {
  return hand.presence > PRESENT;
}

/** A photo in which a hand is looked for. */
export class Photo {
  /** @param {Pixels} image */
  constructor(image) {
    this.image = image;
    this.longer = Math.max(image.width, image.height);
    /** Pixels of the photo in one of the small one. */
    this.scale = Math.max(1, this.longer / LONG_SIDE);
    /** @type {Pixels | null} */
    this.made = null;
  }

  /** The photo, small; made only where a palm is looked for. */
  get small() {
    const side = (/** @type {number} */ pixels) => Math.max(1, roundEven(pixels / this.scale));
    this.made ??= this.scale > 1 ? resize(this.image, side(this.image.width), side(this.image.height)) : this.image;
    return this.made;
  }
}

/** Finds the most visible hand of a photo, and its landmarks. */
export class HandFinder {
  /** @param {Graphs} graphs */
  constructor(graphs) {
    this.graphs = graphs;
  }

  /**
   * Find the hand in a photo.
   * @param {Pixels} image
   * @returns {Promise<Hand>} The hand of the attempt with the greatest presence.
   */
  find(image) {
    return this.look(new Photo(image));
  }

  /**
   * Find the hand in a photo, and the embedding of its mirror image.
   * @param {Pixels} image
   * @returns {Promise<{hand: Hand, mirrored: Float32Array}>}
   */
  async findWithMirrored(image) {
    const photo = new Photo(image);
    const hand = await this.look(photo);
    const crop = cut(photo.image, hand.box, CROP_SIZE, hand.lighter);
    return { hand, mirrored: (await this.graphs.hand(flipped(crop, CROP_SIZE))).embedding };
  }

  /** @param {Photo} photo */
  async look(photo) {
    let best = await this.attempt(photo, ATTEMPTS[0]);
    for (const attempt of ATTEMPTS.slice(1)) {
      if (best.presence >= CLEAR) break;
      const found = await this.attempt(photo, attempt);
      if (found.presence > best.presence) best = found;
    }
    return best;
  }

  /**
   * Look for the hand once: for its palm, then for its landmarks.
   * @param {Photo} photo
   * @param {Attempt} attempt
   */
  async attempt(photo, { room, lighter, rotation }) {
    const { small, scale } = photo;
    const { width, height } = small;
    const side = room * Math.max(width, height);
    const crop = cut(small, [width / 2, height / 2, side, rotation], PALM_SIZE, lighter);
    const [x, y, share, turned] = await this.graphs.palm(crop);
    const [right, down] = turn((x - 0.5) * side, (y - 0.5) * side, rotation);
    const palm = share * side;
    const angle = turned + rotation;
    const ahead = AHEAD * palm;
    const middle = [width / 2 + right + ahead * Math.sin(angle), height / 2 + down - ahead * Math.cos(angle)];
    return this.follow(photo, [middle[0] * scale, middle[1] * scale, PALMS * palm * scale, angle], lighter);
  }

  /**
   * Find the landmarks of a hand in a box, in pixels of the photo, and better ones in their own box.
   * @param {Photo} photo
   * @param {Box} box
   * @param {boolean} lighter
   */
  async follow(photo, box, lighter) {
    let { hand, better } = await this.landmarks(photo, box, lighter);
    for (let again = 0; again < AGAIN && hand.presence >= LEAST && differ(box, better); again += 1) {
      box = better;
      ({ hand, better } = await this.landmarks(photo, box, lighter));
    }
    return hand;
  }

  /**
   * Find the landmarks in a box, and the box around them, both in pixels.
   * @param {Photo} photo
   * @param {Box} box
   * @param {boolean} lighter
   * @returns {Promise<{hand: Hand, better: Box}>}
   */
  async landmarks(photo, box, lighter) {
    box = rounded(box);
    const found = await this.graphs.hand(cut(photo.image, box, CROP_SIZE, lighter));
    const points = putBack(found.points, box);
    const better = around(points);
    const hand = {
      points: points.map((length) => length / photo.longer),
      presence: found.presence,
      rightHand: found.right_hand,
      embedding: found.embedding,
      box,
      lighter,
    };
    return { hand, better };
  }
}

/** Finds the hand in the frames of a stream: first where it was, then, once it is lost, anywhere. */
export class HandTracker {
  /** @param {HandFinder} finder */
  constructor(finder) {
    this.finder = finder;
    this.turn = 0;
    /** @type {{box: Box, lighter: boolean} | null} */
    this.last = null;
  }

  /** Forget where the hand was. */
  reset() {
    this.turn = 0;
    this.last = null;
  }

  /**
   * Find the hand in the next frame. While none is found, each frame makes the first attempt and one of the
   * others in turn.
   * @param {Pixels} image
   * @returns {Promise<Hand>}
   */
  async find(image) {
    const photo = new Photo(image);
    if (this.last) {
      const { box: [x, y, side, rotation], lighter } = this.last;
      const size = photo.longer;
      const hand = await this.finder.follow(photo, [x * size, y * size, side * size, rotation], lighter);
      if (isFound(hand)) return this.keep(hand, lighter);
    }
    const others = ATTEMPTS.slice(1);
    const second = others[this.turn % others.length];
    this.turn += 1;
    const first = await this.finder.attempt(photo, ATTEMPTS[0]);
    if (isFound(first)) return this.keep(first, ATTEMPTS[0].lighter);
    const other = await this.finder.attempt(photo, second);
    return other.presence > first.presence ? this.keep(other, second.lighter) : this.keep(first, ATTEMPTS[0].lighter);
  }

  /**
   * @param {Hand} hand
   * @param {boolean} lighter
   */
  keep(hand, lighter) {
    this.last = isFound(hand) ? { box: around(hand.points), lighter } : null;
    if (this.last) this.turn = 0;
    return hand;
  }
}

/**
 * Return what classifiers use of a hand.
 * @param {Pick<Hand, "points" | "presence" | "rightHand" | "embedding">} hand
 * @returns {Float32Array} Numbers of half precision. First 63: x, y and depth of each landmark from the wrist, in
 *   lengths of the palm, a left hand mirrored, so that they do not depend on where the hand is, how large, and
 *   which hand it is. Then the embedding. All 0 where no hand was found.
 */
export function normalise(hand) {
  const row = new Float32Array(3 * POINTS + hand.embedding.length);
  if (!isFound(hand)) return row;
  const points = hand.points.map((length, index) => length - hand.points[3 * WRIST + (index % 3)]);
  const middle = [0, 1, 2].map((axis) => {
    const total = ROOTS.reduce((sum, root) => Math.fround(sum + points[3 * root + axis]), 0);
    return Math.fround(total / ROOTS.length);
  });
  const length = Math.fround(Math.max(Math.fround(Math.hypot(...middle)), 1e-4));
  const mirror = hand.rightHand > 0.5 ? 1 : -1;
  row.set(points.map((along, index) => half(Math.fround(along / length) * (index % 3 === 0 ? mirror : 1))));
  row.set(halves(hand.embedding), 3 * POINTS);
  return row;
}

/** @param {ArrayLike<number>} numbers Returns them in half precision. */
export function halves(numbers) {
  return Float32Array.from(numbers, half);
}

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/**
 * Round to half precision, to even in the middle.
 * @param {number} number Smaller than 65504.
 */
function half(number) {
  single[0] = number;
  const exponent = Math.max(-14, ((bits[0] >>> 23) & 255) - 127);
  // Doubles from here on are a step of half precision apart, so that the sum is rounded to one.
  const large = 1.5 * 2 ** (52 + exponent - 10);
  return number + large - large;
}

/**
 * Flip a square, left to right.
 * @param {Uint8Array} crop RGB, row by row.
 * @param {number} size
 */
function flipped(crop, size) {
  const made = new Uint8Array(crop.length);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const from = 3 * (row * size + size - 1 - column);
      made.set(crop.subarray(from, from + 3), 3 * (row * size + column));
    }
  }
  return made;
}

/**
 * Return landmarks in shares of a square as landmarks in pixels of the photo.
 * @param {Float32Array} points
 * @param {Box} box
 */
function putBack(points, [x, y, side, rotation]) {
  const put = new Float32Array(points.length);
  for (let index = 0; index < points.length; index += 3) {
    const [right, down] = turn((points[index] - 0.5) * side, (points[index + 1] - 0.5) * side, rotation);
    put[index] = x + right;
    put[index + 1] = y + down;
    put[index + 2] = points[index + 2] * side;
  }
  return put;
}

/**
 * Return the box of a hand from its landmarks.
 * @param {Float32Array} points
 * @returns {Box}
 */
function around(points) {
  // Fingertips move most between signers and say least of where the hand is.
  const [first, second] = [0, 1].map(
    (axis) => (points[15 + axis] + points[39 + axis]) / 4 + points[27 + axis] / 2 - points[3 * WRIST + axis],
  );
  const rotation = Math.atan2(first, -second);
  const upright = ROOTED.map((root) => turn(points[3 * root], points[3 * root + 1], -rotation));
  const low = [0, 1].map((axis) => Math.min(...upright.map((place) => place[axis])));
  const high = [0, 1].map((axis) => Math.max(...upright.map((place) => place[axis])));
  const sides = [high[0] - low[0], high[1] - low[1]];
  const [x, y] = turn((low[0] + high[0]) / 2, (low[1] + high[1]) / 2 - FURTHER * sides[1], rotation);
  return [x, y, HANDS * Math.max(...sides), rotation];
}

/**
 * Rotate a vector clockwise, as y goes down.
 * @param {number} right
 * @param {number} down
 * @param {number} rotation
 */
function turn(right, down, rotation) {
  const cos = Math.cos(rotation);
  const sin = Math.sin(rotation);
  return [cos * right - sin * down, sin * right + cos * down];
}

/**
 * Round a box in pixels.
 * @param {Box} box
 * @returns {Box}
 */
function rounded([x, y, side, rotation]) {
  const near = (/** @type {number} */ length) => Math.floor(length * PIXEL + 0.5) / PIXEL;
  return [near(x), near(y), near(side), Math.floor(rotation * RADIAN + 0.5) / RADIAN];
}

/**
 * Return whether two boxes differ by so much that landmarks are found again.
 * @param {Box} one
 * @param {Box} other
 */
function differ(one, other) {
  const circle = 2 * Math.PI;
  const turned = Math.abs(((((other[3] - one[3] + Math.PI) % circle) + circle) % circle) - Math.PI);
  const scaled = Math.abs(Math.log(Math.max(other[2], 1e-3) / Math.max(one[2], 1e-3)));
  const shifted = Math.hypot(other[0] - one[0], other[1] - one[1]) / Math.max(one[2], 1e-3);
  return shifted > SHIFTED || scaled > SCALED || turned > ROTATED;
}

/**
 * Round to a whole number, to even in the middle.
 * @param {number} number
 */
function roundEven(number) {
  const below = Math.floor(number);
  return number - below === 0.5 ? below + (below % 2) : Math.round(number);
}
