/** Hints: a drawn hand for each letter of the manual alphabet, and the letters that move. */

import { listed } from "./dom.js";

/**
 * @param {string} label
 * @returns {string | null} Address of the picture of a right hand, or nothing where none is drawn.
 */
export function hintFor(label) {
  return /^[A-Za-z]$/.test(label) ? `hints/${label.toUpperCase()}.webp` : null;
}

/**
 * Say which of some labels are letters that move.
 * @param {string[]} labels
 */
export function movingIn(labels) {
  const moving = labels.filter((label) => /^[JZ]$/i.test(label));
  if (!moving.length) return "";
  return moving.length > 1
    ? `${listed(moving)} are signed with a movement: only their handshape is recognised.`
    : `${moving[0]} is signed with a movement: only its handshape is recognised.`;
}
