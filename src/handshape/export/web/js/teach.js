/** Teach needs handshape itself, to save photos and train on them: an exported page has no such view. */

import { find } from "./dom.js";

/** @returns {import("./types.js").View} */
export function makeTeach(/** @type {unknown} */ _camera) {
  find('nav a[href="#teach"]').remove();
  return {
    camera: false,
    enter: () => void (location.hash = "#live"),
  };
}
