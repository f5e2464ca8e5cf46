/** What people choose or drop: photos, whole folders, archives; read into a list, and each photo made a JPEG. */

import { isAside } from "./paths.js";
import { unzip } from "./unzip.js";

// As the server takes them.
const LARGEST = 1280;
const SMALLEST = 32;
const HEAVIEST = 2_000_000;
const QUALITIES = [0.92, 0.8, 0.6];
const PHOTO = /\.(?:jpe?g|png|webp|gif|bmp|avif|heic|heif|tiff?|jfif)$/i;
const ARCHIVE = /\.zip$/i;

/** @typedef {{path: string, read: () => Promise<Blob>}} Source */
/** @typedef {{path: string, reason: string}} Refused */

/**
 * List what was dropped; folders with all that is in them. Call it at once: the browser forgets the drop.
 * @param {DataTransfer} drop
 * @returns {Promise<Source[]>}
 */
export async function dropped(drop) {
  const entries = [...drop.items].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = await Promise.all(entries.map((entry) => (entry instanceof File ? chosen([entry]) : entry ? below(entry) : [])));
  return found.flat();
}

/**
 * List what was chosen.
 * @param {Iterable<File>} files
 * @returns {Source[]}
 */
export function chosen(files) {
  const found = [...files].map((file) => ({ path: file.webkitRelativePath || file.name, read: async () => file }));
  return found.sort(byPath);
}

/**
 * @param {any} entry Of a folder or a file, as browsers describe a drop.
 * @returns {Promise<Source[]>}
 */
async function below(entry) {
  if (entry.isFile) return [{ path: entry.fullPath.replace(/^\//, ""), read: () => new Promise((done, fail) => entry.file(done, fail)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A browser gives a hundred at a time.
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) break;
    found.push(...(await Promise.all(some.map(below))));
  }
  return found.flat().sort(byPath);
}

/**
 * @param {Source} one
 * @param {Source} other
 */
function byPath(one, other) {
  return one.path.localeCompare(other.path, "en", { numeric: true });
}

/**
 * Look at every source: open archives, make each photo a JPEG, and say why the others cannot be used.
 * @param {Source[]} sources
 * @param {(done: number, all: number) => void} progress
 * @returns {Promise<{photos: {path: string, photo: Blob}[], refused: Refused[]}>}
 */
export async function look(sources, progress) {
  /** @type {Refused[]} */
  const refused = [];
  const photos = [];
  const files = [];
  for (const source of sources) {
    if (!ARCHIVE.test(source.path)) files.push(source);
    else files.push(...(await source.read().then(unzip).catch((error) => void refused.push({ path: source.path, reason: error.message }))) ?? []);
  }
  for (const [number, { path, read }] of files.entries()) {
    progress(number, files.length);
    if (isAside(path)) continue;
    if (!PHOTO.test(path)) {
      refused.push({ path, reason: "is no photo" });
      continue;
    }
    try {
      photos.push({ path, photo: await toJpeg(await read()) });
    } catch (error) {
      refused.push({ path, reason: /** @type {Error} */ (error).message });
    }
  }
  return { photos, refused };
}

/**
 * Make a JPEG that the server takes. One that fits already stays as it is, unless it says where it was taken.
 * @param {Blob} file
 * @returns {Promise<Blob>}
 */
async function toJpeg(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error("cannot be opened by this browser; a JPEG, PNG or WebP can");
  });
  try {
    const { width, height } = bitmap;
    const scale = Math.min(1, LARGEST / Math.max(width, height));
    if (Math.min(width, height) * scale < SMALLEST) throw new Error(`is too small: ${width} × ${height} pixels`);
    if (scale === 1 && file.size <= HEAVIEST && (await isPlain(file))) return file;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.imageSmoothingQuality = "high";
    pen.fillStyle = "white"; // as handshape lays transparent photos on white
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    for (const quality of QUALITIES) {
      const photo = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
      if (photo && photo.size <= HEAVIEST) return photo;
    }
    throw new Error("is more than 2 MB as a JPEG");
  } finally {
    bitmap.close();
  }
}

/** Return whether a file is a JPEG without EXIF data, such as its place. */
async function isPlain(/** @type {Blob} */ file) {
  const head = new Uint8Array(await file.slice(0, 65_536).arrayBuffer());
  const text = new TextDecoder("latin1").decode(head);
  return text.startsWith("\u00ff\u00d8") && !text.includes("Exif\0");
}
