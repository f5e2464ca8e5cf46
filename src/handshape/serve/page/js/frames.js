/** Frames: the square in the guide box, cut out of the camera's picture. */

/** Side of the guide box as a share of the picture's shorter side. */
export const GUIDE = 0.8;
// Recognisers get 224 pixels; more than this is transferred for nothing.
const LARGEST = 384;
const QUALITY = 0.9;

const canvas = document.createElement("canvas");

/**
 * Where the guide box is, in pixels of the picture.
 * @param {number} width
 * @param {number} height
 */
export function guideBox(width, height) {
  const side = Math.round(GUIDE * Math.min(width, height));
  return { x: Math.round((width - side) / 2), y: Math.round((height - side) / 2), side };
}

/**
 * Cut the square in the guide box out of the newest picture.
 * @param {HTMLVideoElement} video
 * @param {boolean} mirrored Whether the frame is the picture's mirror image.
 * @returns {HTMLCanvasElement | null} The frame, until the next one is cut; null while there is no picture yet.
 */
export function cutFrame(video, mirrored) {
  const { x, y, side } = guideBox(video.videoWidth, video.videoHeight);
  if (!side) return null;
  canvas.width = canvas.height = Math.min(side, LARGEST);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.imageSmoothingQuality = "high";
  if (mirrored) {
    pen.translate(canvas.width, 0);
    pen.scale(-1, 1);
  }
  pen.drawImage(video, x, y, side, side, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * @param {HTMLCanvasElement | null} frame
 * @returns {Promise<Blob | null>} The frame as a JPEG.
 */
export function encode(frame) {
  return new Promise((done) => (frame ? frame.toBlob(done, "image/jpeg", QUALITY) : done(null)));
}
