/** Teach: take photos for a sign and a signer, check them, train on them, and use the result. */

import { say } from "./announce.js";
import { counted, find, make } from "./dom.js";
import { cutFrame, encode } from "./frames.js";
import { Gallery } from "./gallery.js";
import { Outbox } from "./outbox.js";
import { HandFeedback } from "./hand_feedback.js";
import { get } from "./server.js";
import { change, settings } from "./settings.js";
import { Training } from "./training.js";

const BURST = 12;
const COUNTDOWN = 3;
// Milliseconds between two photos, in which a hand can move.
const BETWEEN = 350;
// Landmarks of earlier photos are found in the background; the page asks again, less and less often.
const SOON = 1000;
const SELDOM = 60_000;

/**
 * @param {import("./camera.js").Camera} camera
 * @returns {import("./types.js").View}
 */
export function makeTeach(camera) {
  const outbox = new Outbox();
  const gallery = new Gallery(refresh);
  const training = new Training();
  const feedback = new HandFeedback();
  const label = find("#teach-label");
  const signer = find("#teach-signer");
  const note = find("#teach-note");
  let shown = false;
  let busy = false;
  let again = SOON;
  let timer = 0;
  /** @type {any} */
  let state = null;

  signer.value = settings.signer;
  signer.addEventListener("change", () => change("signer", signer.value.trim()));
  find("#shutter").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    take(BURST);
  });
  find("#teach-one").addEventListener("click", () => find("#shutter").reportValidity() && take(1));
  for (const field of [label, signer]) field.addEventListener("input", count);
  outbox.addEventListener("change", report);
  outbox.addEventListener("saved", (event) => {
    // Photos of left hands were flipped before they were sent.
    feedback.take(/** @type {CustomEvent} */ (event).detail, settings.mirror !== (settings.hand === "left"));
    report();
    refresh();
  });

  /** @param {number} photos */
  async function take(photos) {
    if (busy) return;
    if (camera.state !== "on") return void (note.textContent = "Turn the camera on first.");
    const who = { label: label.value.trim(), signer: signer.value.trim() };
    busy = true;
    outbox.refused = "";
    feedback.reset();
    try {
      for (let left = COUNTDOWN; photos > 1 && left > 0; left -= 1) {
        note.textContent = `Hold ${who.label}. ${left}`;
        await pause(1000);
      }
      for (let number = 1; number <= photos && camera.state === "on"; number += 1) {
        // Photos are saved as the recogniser gets them: right hands as others see them, left hands mirrored.
        const photo = await encode(cutFrame(camera.video, settings.hand === "left"));
        if (photo) await outbox.put({ ...who, photo });
        find("#picture").classList.remove("flash");
        requestAnimationFrame(() => find("#picture").classList.add("flash"));
        if (photos > 1) note.textContent = `Photo ${number} of ${photos}`;
        if (number < photos) await pause(BETWEEN);
      }
      say(`${counted(photos, "photo")} of ${who.label} taken`);
    } finally {
      busy = false;
      report();
    }
  }

  /** Say whether the photos were saved, and whether hands were found. */
  function report() {
    if (busy) return;
    note.textContent = outbox.refused
      ? outbox.refused
      : outbox.waiting
        ? `${counted(outbox.waiting, "photo")} kept in this browser until the server can be reached.`
        : feedback.words;
  }

  async function refresh() {
    try {
      state = await get("v1/teach");
    } catch (error) {
      return void (note.textContent = /** @type {Error} */ (error).message);
    }
    if (!shown) return;
    find("#taught").hidden = !state.labels.length;
    find("#teach-place").replaceChildren("In ", make("code", { textContent: state.folder }), " on this computer, as ordinary files.");
    find("#teach-labels").replaceChildren(...state.labels.map((/** @type {any} */ one) => make("option", { value: one.label })));
    find("#teach-signers").replaceChildren(...state.signers.map((/** @type {string} */ name) => make("option", { value: name })));
    table(state);
    gallery.show(state.labels);
    training.show(state);
    count();
    const searching = state.labels.some((/** @type {any} */ { photos }) => photos.some((/** @type {any} */ { hand }) => hand === null));
    clearTimeout(timer);
    again = searching ? Math.min(2 * again, SELDOM) : SOON;
    if (searching) timer = setTimeout(refresh, again);
  }

  /** Show how many photos the named sign has of the named signer. */
  function count() {
    const one = state?.labels.find((/** @type {any} */ found) => found.label === label.value.trim());
    const photos = one?.photos.filter((/** @type {any} */ photo) => photo.signer === signer.value.trim()).length ?? 0;
    find("#teach-count").textContent = label.value && signer.value ? `${counted(photos, "photo")} so far` : "";
  }

  return {
    camera: true,
    enter() {
      shown = true;
      refresh();
      report();
    },
    leave() {
      shown = false;
      clearTimeout(timer);
      feedback.reset();
      find("#taught").hidden = true;
    },
  };
}

/** Show photos per sign and signer, so that gaps are seen. */
function table(/** @type {any} */ state) {
  const head = make("tr", {}, make("th", { scope: "col", textContent: "Sign" }),
    ...state.signers.map((/** @type {string} */ name) => make("th", { scope: "col", textContent: name })),
    make("th", { scope: "col", textContent: "All" }));
  const rows = state.labels.map((/** @type {any} */ { label, photos }) => make("tr", {}, make("th", { scope: "row", textContent: label }),
    ...state.signers.map((/** @type {string} */ name) => cell(photos.filter((/** @type {any} */ photo) => photo.signer === name).length)),
    cell(photos.length)));
  find("#teach-table").replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

/** @param {number} count */
function cell(count) {
  return make("td", { textContent: count || "–", className: count ? "" : "none" });
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
