/** A small picture of a taught sign. */

import { make } from "../dom.js";
import { photoAddress } from "../server.js";

/**
 * @param {string} label
 * @param {string} name Of the photo.
 */
export function pictureOf(label, name) {
  const image = make("img", { alt: "", width: 96, height: 96, loading: "lazy", className: "photo" });
  photoAddress(label, name).then((address) => (image.src = address), () => image.remove());
  return image;
}
