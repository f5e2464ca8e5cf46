/** Teach: take photos for a sign and a signer, or add those that are there; check them, train on them, use the result. */

import { say } from "./announce.js";
import { counted, find, make, percent } from "./dom.js";
import { cutFrame, encode } from "./frames.js";
import { Gallery } from "./gallery.js";
import { Outbox } from "./outbox.js";
import { HandFeedback } from "./hand_feedback.js";
import { model } from "./model.js";
import { PredictionPanel, WAITING } from "./prediction.js";
import { get, place } from "./server.js";
import { change, settings } from "./settings.js";
import { AddFiles, notAdded } from "./teach/add_files.js";
import { showAdvice } from "./teach/advice.js";
import { holdButton } from "./teach/hold_button.js";
import { showTakeAway } from "./teach/take_away.js";
import { Training } from "./training.js";

// Milliseconds between two photos, in which a hand can move.
const BETWEEN = 200;
// Landmarks of earlier photos are found in the background; the page asks again, less and less often.
const SOON = 1000;
const SELDOM = 60_000;
// Milliseconds between two requests for the list while photos come in.
const PACE = 400;

/**
 * @param {import("./camera.js").Camera} camera
 * @returns {import("./types.js").View}
 */
export function makeTeach(camera) {
  const outbox = new Outbox();
  const gallery = new Gallery(refresh);
  const training = new Training(refresh);
  const feedback = new HandFeedback();
  const panel = new PredictionPanel(find("#view-teach .reading"));
  const label = find("#teach-label");
  const signer = find("#teach-signer");
  const note = find("#teach-note");
  const fields = () => ({ label: label.value.trim(), signer: signer.value.trim() });
  const files = new AddFiles(fields, add);
  let shown = false;
  let pressed = false;
  let busy = false;
  let again = SOON;
  let timer = 0;
  let soon = 0;
  /** @type {any} */
  let state = null;

  signer.value = settings.signer;
  signer.addEventListener("change", () => change("signer", signer.value.trim()));
  holdButton(find("#teach-hold"), take, () => (pressed = false));
  for (const field of [label, signer]) field.addEventListener("input", count);
  outbox.addEventListener("change", report);
  outbox.addEventListener("saved", (event) => {
    const { photo, of_camera } = /** @type {CustomEvent} */ (event).detail;
    // Photos of left hands were flipped before they were sent.
    if (of_camera) feedback.take(photo, settings.mirror !== (settings.hand === "left"));
    report();
    soon ||= setTimeout(() => refresh().finally(() => (soon = 0)), PACE);
  });

  /** Take a photo, and more while the button is held. */
  async function take() {
    pressed = true;
    if (busy || !find("#shutter").reportValidity()) return;
    if (camera.state !== "on") return void (note.textContent = "Turn the camera on first.");
    const who = fields();
    busy = true;
    begin();
    let photos = 0;
    try {
      do {
        const next = performance.now() + BETWEEN;
        // Photos are saved as the recogniser gets them: right hands as others see them, left hands mirrored.
        const photo = await encode(cutFrame(camera.video, settings.hand === "left"));
        if (photo) await outbox.put({ ...who, photo, of_camera: true });
        photos += 1;
        find("#picture").classList.remove("flash");
        requestAnimationFrame(() => find("#picture").classList.add("flash"));
        note.textContent = `${counted(photos, "photo")} of ${who.label}`;
        await new Promise((done) => setTimeout(done, next - performance.now()));
      } while (pressed && shown && camera.state === "on");
      say(`${counted(photos, "photo")} of ${who.label} taken`);
    } finally {
      busy = false;
      report();
    }
  }

  /** Add photos that were chosen or dropped. @param {import("./teach/add_files.js").Ready[]} photos */
  async function add(photos) {
    begin();
    for (const { label, signer, photo, path } of photos) await outbox.put({ label, signer, photo, of_camera: false, path });
  }

  function begin() {
    outbox.refused = [];
    outbox.sent = 0;
    feedback.reset();
  }

  /** Say whether the photos were saved, and whether hands were found. */
  function report() {
    if (busy) return;
    find("#teach-refused").replaceChildren(...(outbox.refused.length ? [notAdded(outbox.refused)] : []));
    const { waiting, sent } = outbox;
    note.textContent = outbox.away
      ? `${counted(waiting, "photo")} kept in this browser until the server can be reached.`
      : waiting
        ? `Adding photo ${sent + 1} of ${sent + waiting} …`
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
    find("#teach-base").textContent = baseOf(state);
    find("#teach-place").replaceChildren(...(state.folder ? ["In ", make("code", { textContent: state.folder }), " on this computer, as ordinary files."] : [place.photos]));
    find("#teach-labels").replaceChildren(...state.labels.map((/** @type {any} */ one) => make("option", { value: one.label })));
    find("#teach-signers").replaceChildren(...state.signers.map((/** @type {string} */ name) => make("option", { value: name })));
    table(state);
    gallery.show(state.labels);
    training.show(state);
    showAdvice(state.advice);
    showTakeAway(state);
    count();
    const searching = state.labels.some((/** @type {any} */ { photos }) => photos.some((/** @type {any} */ { hand }) => hand === null));
    clearTimeout(timer);
    again = searching ? Math.min(2 * again, SELDOM) : SOON;
    if (searching) timer = setTimeout(refresh, again);
  }

  /** Show how many photos the named sign has of the named signer. */
  function count() {
    const { label, signer } = fields();
    const one = state?.labels.find((/** @type {any} */ found) => found.label === label);
    const photos = one?.photos.filter((/** @type {any} */ photo) => photo.signer === signer).length ?? 0;
    find("#teach-count").textContent = label && signer ? `${counted(photos, "photo")} so far` : "";
  }

  return {
    camera: true,
    enter() {
      shown = files.shown = true;
      panel.show(WAITING);
      refresh();
      report();
    },
    leave() {
      shown = files.shown = pressed = false;
      clearTimeout(timer);
      feedback.reset();
      find("#taught").hidden = true;
    },
    show(display) {
      const { state, label, probability } = display;
      panel.place.hidden = !model.labels.length;
      // Here the best guess helps even where it is unsure: it says which label a sign resembles.
      panel.show(display, state === "nothing" ? "" : `${percent(probability)}${state === "unsure" ? ", unsure" : ""}`);
      panel.letter.textContent = state === "nothing" ? "no hand" : label;
    },
  };
}

/** Say what becomes of the signs. */
function baseOf(/** @type {any} */ state) {
  if (state.adds_to) return state.adds_to.sentence;
  const own = "Your signs make a recogniser of their own, by the shape of the hand";
  return state.started_with ? `${own}: the one in use has no hand landmarks that signs could be added to.` : `${own}.`;
}

/** Show photos per sign and signer, so that gaps are seen. */
function table(/** @type {any} */ state) {
  const head = make("tr", {}, make("th", { scope: "col", textContent: "Sign" }),
    ...state.signers.map((/** @type {string} */ name) => make("th", { scope: "col", textContent: name })),
    make("th", { scope: "col", textContent: "All" }));
  const rows = state.labels.map((/** @type {any} */ { label, in_base, photos }) => make("tr", {},
    make("th", { scope: "row" }, label, ...(state.adds_to && !in_base ? [" ", make("span", { className: "new", textContent: "new" })] : [])),
    ...state.signers.map((/** @type {string} */ name) => cell(photos.filter((/** @type {any} */ photo) => photo.signer === name).length)),
    cell(photos.length)));
  find("#teach-table").replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

/** @param {number} count */
function cell(count) {
  return make("td", { textContent: count || "–", className: count ? "" : "none" });
}
