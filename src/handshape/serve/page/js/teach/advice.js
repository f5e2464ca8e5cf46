/** What to do next, with photos that show it. */

import { find, make } from "../dom.js";
import { pictureOf } from "./picture.js";

/** @param {{text: string, photos: [string, string][]}[]} advice */
export function showAdvice(advice) {
  find("#advice").hidden = !advice.length;
  find("#advice ol").replaceChildren(...advice.map(({ text, photos }) => make("li", {}, ...(photos.length ? [pictures(photos)] : []), make("p", { textContent: text }))));
}

/** @param {[string, string][]} photos Label and name of each. */
function pictures(photos) {
  return make("span", { className: "pictures" }, ...photos.map(([label, name]) => pictureOf(label, name)));
}
