/** Hints: a drawn hand for each letter of the manual alphabet. */

/**
 * @param {string} label
 * @returns {string | null} Address of the picture of a right hand, or nothing where none is drawn.
 */
export function hintFor(label) {
  return /^[A-Za-z]$/.test(label) ? `hints/${label.toUpperCase()}.webp` : null;
}
