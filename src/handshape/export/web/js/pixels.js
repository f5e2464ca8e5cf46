/** From the bytes of a photo to its pixels, as handshape decodes it: upright, on white, colours untouched. */

// A photo of more pixels is made smaller first, because a browser may not have the memory.
const MOST = 16_000_000;

/**
 * @typedef {object} Pixels
 * @property {Uint8Array} data RGB, row by row.
 * @property {number} height
 * @property {number} width
 */

/**
 * Decode a photo.
 * @param {Blob} photo
 * @param {boolean} [mirrored] Whether to flip it, left to right.
 * @returns {Promise<Pixels>}
 */
export async function decode(photo, mirrored = false) {
  const bitmap = await createImageBitmap(photo, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  const scale = Math.min(1, Math.sqrt(MOST / (bitmap.width * bitmap.height)));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })
  );
  pen.fillStyle = "white";
  pen.fillRect(0, 0, width, height);
  if (mirrored) {
    pen.translate(width, 0);
    pen.scale(-1, 1);
  }
  pen.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { data: withoutAlpha(pen.getImageData(0, 0, width, height).data), height, width };
}

/** @param {Uint8ClampedArray} rgba */
function withoutAlpha(rgba) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}
