/** From a photo or a frame to its pixels, as handshape decodes it: upright, on white, colours untouched. */

/** @typedef {import("./resize.js").Pixels} Pixels */

// A photo of more pixels is made smaller first, because a browser may not have the memory.
const MOST = 16_000_000;

/**
 * Decode a photo.
 * @param {Blob} photo
 * @param {boolean} [mirrored] Whether to flip it, left to right.
 * @returns {Promise<Pixels>}
 */
export async function decode(photo, mirrored = false) {
  return draw(await createImageBitmap(photo, { colorSpaceConversion: "none", imageOrientation: "from-image" }), mirrored);
}

/** @type {OffscreenCanvasRenderingContext2D | null} Of the last size: frames of a camera have one. */
let pen = null;

/**
 * Take the pixels out of a bitmap, and close it.
 * @param {ImageBitmap} bitmap
 * @param {boolean} [mirrored] Whether to flip it, left to right.
 * @returns {Pixels}
 */
export function draw(bitmap, mirrored = false) {
  const scale = Math.min(1, Math.sqrt(MOST / (bitmap.width * bitmap.height)));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  if (pen?.canvas.width !== width || pen.canvas.height !== height) {
    pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  }
  const own = /** @type {OffscreenCanvasRenderingContext2D} */ (pen);
  own.setTransform(1, 0, 0, 1, 0, 0);
  own.fillStyle = "white";
  own.fillRect(0, 0, width, height);
  own.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { data: withoutAlpha(own.getImageData(0, 0, width, height).data, width, mirrored), height, width };
}

/**
 * @param {Uint8ClampedArray} rgba
 * @param {number} width
 * @param {boolean} mirrored
 */
function withoutAlpha(rgba, width, mirrored) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  const row = 4 * width;
  const step = mirrored ? -4 : 4;
  for (let start = 0, to = 0; start < rgba.length; start += row) {
    let from = mirrored ? start + row - 4 : start;
    for (let column = 0; column < width; column += 1, from += step, to += 3) {
      rgb[to] = rgba[from];
      rgb[to + 1] = rgba[from + 1];
      rgb[to + 2] = rgba[from + 2];
    }
  }
  return rgb;
}
