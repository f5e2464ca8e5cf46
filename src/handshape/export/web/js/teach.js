/** Teach keeps photos in a folder and trains on them, which takes handshape itself: this page goes without. */

import { find } from "./dom.js";

/** @returns {import("./types.js").View} */
export function makeTeach() {
  find('nav a[href="#teach"]').remove();
  return {
    camera: false,
    enter: () => void (location.hash = "#live"),
  };
}
