/** Try a photo: drop, paste or choose; photos are predicted and not saved. */

import { say } from "./announce.js";
import { find, listed, make } from "./dom.js";
import { model } from "./model.js";
import { glyph, displayOf, showBars, verdict } from "./prediction.js";
import { ask } from "./server.js";

// Formats and sizes that the server accepts are sent unchanged; others become a JPEG with sides up to this.
const TAKEN = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]);
const HEAVIEST = 8_000_000;
const LARGEST = 1600;
const MOST = 12;

/** @returns {import("./types.js").View} */
export function makePhoto() {
  const list = find("#photos");
  const drop = find("#drop");
  let entered = false;

  /** @param {Iterable<File>} files */
  function take(files) {
    const all = [...files];
    const photos = all.filter((file) => file.type.startsWith("image/"));
    const others = all.filter((file) => !photos.includes(file)).map((file) => file.name);
    const left = photos.length - MOST;
    const notes = [
      others.length && `${listed(others)} ${others.length > 1 ? "are not photos" : "is not a photo"}.`,
      left > 0 && `The first ${MOST} of ${photos.length} photos are shown. Choose the others after these.`,
    ];
    find("#photo-note").textContent = notes.filter(Boolean).join(" ");
    for (const photo of photos.slice(0, MOST).reverse()) predict(photo, list);
  }

  find("#choose").addEventListener("change", (/** @type {any} */ event) => {
    take(event.target.files);
    event.target.value = "";
  });
  addEventListener("paste", (event) => entered && event.clipboardData && take(event.clipboardData.files));
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (entered && event.dataTransfer) take(event.dataTransfer.files);
  });
  return {
    camera: false,
    enter: () => void (entered = true),
    leave: () => void (entered = false),
  };
}

/**
 * @param {File} file
 * @param {HTMLElement} list
 */
async function predict(file, list) {
  const canvas = make("canvas", { role: "img", "aria-label": file.name || "A pasted photo" });
  const row = make("p", { className: "letter", textContent: "…" });
  const words = make("p", { className: "verdict" });
  const bars = make("ol", { className: "bars", "aria-label": "Most probable labels" });
  const item = make("li", {}, canvas, make("div", {}, row, words, bars));
  list.prepend(item);
  try {
    const drawn = await show(file, canvas);
    const body = TAKEN.has(file.type) && file.size <= HEAVIEST ? file : await drawn();
    const left = find("#photo-left").checked;
    const options = { method: "POST", headers: { "content-type": body.type }, body };
    const { predictions } = await ask(`v1/predict?mirrored=${left}`, options);
    const display = displayOf(predictions[0], model.chosen);
    item.dataset.state = display.state;
    row.textContent = glyph(display);
    row.classList.toggle("long", row.textContent.length > 2);
    words.textContent = verdict(display).replace("in the box", "found");
    showBars(bars, display.top);
    say(display.state === "sure" ? `Predicted: ${display.label}` : verdict(display));
  } catch (error) {
    item.dataset.state = "unsure";
    row.textContent = "!";
    words.textContent = /** @type {Error} */ (error).message;
  }
}

/**
 * Show a photo.
 * @param {File} file
 * @param {HTMLCanvasElement} canvas
 * @returns {Promise<() => Promise<Blob>>} Returns what is shown as a JPEG.
 */
async function show(file, canvas) {
  const photo = await createImageBitmap(file).catch(() => {
    throw new Error("The browser cannot open this photo. A JPEG, PNG or WebP works.");
  });
  const scale = Math.min(1, LARGEST / Math.max(photo.width, photo.height));
  canvas.width = Math.max(1, Math.round(photo.width * scale));
  canvas.height = Math.max(1, Math.round(photo.height * scale));
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.imageSmoothingQuality = "high";
  pen.fillStyle = "white"; // as the server lays transparent photos on white
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(photo, 0, 0, canvas.width, canvas.height);
  return () => new Promise((done) => canvas.toBlob((blob) => done(/** @type {Blob} */ (blob)), "image/jpeg", 0.95));
}
