/** Teach: photos are taken for a sign and a signer, looked at, trained on, and used. */

import { say } from "./announce.js";
import { counted, find, make } from "./dom.js";
import { takeFrame } from "./frames.js";
import { Gallery } from "./gallery.js";
import { Outbox } from "./outbox.js";
import { Seen } from "./seen.js";
import { get } from "./server.js";
import { change, settings } from "./settings.js";
import { Training } from "./training.js";

const BURST = 12;
const COUNTDOWN = 3;
// Long enough for a hand to move between two photos.
const BETWEEN = 350;
// Hands of earlier photos are looked for when the server starts; it is asked again, less and less often.
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
  const seen = new Seen();
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
  outbox.addEventListener("change", tell);
  outbox.addEventListener("saved", (event) => {
    // Photos of left hands were turned over before they were sent.
    seen.take(/** @type {CustomEvent} */ (event).detail, settings.mirror !== (settings.hand === "left"));
    tell();
    refresh();
  });

  /** @param {number} photos */
  async function take(photos) {
    if (busy) return;
    if (camera.state !== "on") return void (note.textContent = "Turn the camera on first.");
    const who = { label: label.value.trim(), signer: signer.value.trim() };
    busy = true;
    outbox.refused = "";
    seen.forget();
    try {
      for (let left = COUNTDOWN; photos > 1 && left > 0; left -= 1) {
        note.textContent = `Hold ${who.label}. ${left}`;
        await pause(1000);
      }
      for (let number = 1; number <= photos && camera.state === "on"; number += 1) {
        // Photos are kept as the recogniser reads them: right hands as others see them, left hands mirrored.
        const photo = await takeFrame(camera.video, settings.hand === "left");
        if (photo) await outbox.put({ ...who, photo });
        find("#picture").classList.remove("flash");
        requestAnimationFrame(() => find("#picture").classList.add("flash"));
        if (photos > 1) note.textContent = `Photo ${number} of ${photos}`;
        if (number < photos) await pause(BETWEEN);
      }
      say(`${counted(photos, "photo")} of ${who.label} taken`);
    } finally {
      busy = false;
      tell();
    }
  }

  /** Say what became of the photos. */
  function tell() {
    if (busy) return;
    note.textContent = outbox.refused
      ? outbox.refused
      : outbox.waiting
        ? `${counted(outbox.waiting, "photo")} kept in this browser until the server is back.`
        : seen.words;
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
      tell();
    },
    leave() {
      shown = false;
      clearTimeout(timer);
      seen.forget();
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
