/** Live: the current prediction, and all labels of the recogniser. */

import { sayPrediction } from "./announce.js";
import { find, make } from "./dom.js";
import { hintFor, movingIn } from "./hints.js";
import { model } from "./model.js";
import { isNothing, PredictionPanel, WAITING } from "./prediction.js";
import { get } from "./server.js";
import { settings } from "./settings.js";
import { pictureOf } from "./teach/picture.js";
import { Threshold } from "./threshold.js";

/** @returns {import("./types.js").View} */
export function makeLive() {
  const panel = new PredictionPanel(find("#view-live .reading"));
  const bars = find("#view-live .bars");
  const seen = find("#hand-seen");
  const mark = () => bars.style.setProperty("--threshold", String(model.threshold));
  const threshold = new Threshold(mark);
  const strip = find("#strip");
  const alphabet = find("#alphabet");
  /** @type {Map<string, HTMLElement>} */
  let tiles = new Map();
  let shown = false;
  /** @type {any} What was taught. */
  let taught = null;

  function list() {
    const labels = model.labels.filter((label) => !isNothing(label));
    tiles = new Map(labels.map((label) => [label, tile(label, taught)]));
    alphabet.replaceChildren(...tiles.values());
    strip.hidden = !labels.length;
    const moving = movingIn(labels);
    find("#moving").hidden = !moving;
    find("#moving").textContent = moving;
    threshold.show();
    mark();
  }

  async function refresh() {
    list();
    taught = await get("v1/teach").catch(() => null);
    if (shown) list();
  }

  model.addEventListener("change", () => shown && refresh());
  return {
    camera: true,
    enter() {
      shown = true;
      refresh();
      panel.show(WAITING);
      seen.textContent = "";
    },
    leave() {
      shown = false;
      strip.hidden = true;
    },
    show(display, now) {
      panel.show(display);
      sayPrediction(display, now);
      seen.textContent = handSeen(display);
      for (const [label, element] of tiles) {
        element.classList.toggle("now", display.state === "sure" && label === display.label);
      }
    },
  };
}

/**
 * Which hand the camera sees; frames of a left hand were flipped before they were predicted.
 * @param {import("./types.js").Display} display
 */
function handSeen({ state, rightHand }) {
  if (state === "nothing" || rightHand === null || rightHand === undefined) return "";
  const [chosen, other] = settings.hand === "right" ? ["Right", "Left"] : ["Left", "Right"];
  return rightHand ? `${chosen} hand seen.` : `${other} hand seen. If that is the hand you sign with, choose ${other} below the picture.`;
}

/**
 * The tile of a label: with a drawn hand for a letter, with a photo for a sign that was taught.
 * @param {string} label
 * @param {any} taught The answer of `GET v1/teach`, if there is one.
 */
function tile(label, taught) {
  const drawn = hintFor(label);
  const own = drawn ? [] : taught?.labels.find((/** @type {any} */ one) => one.label === label)?.photos ?? [];
  const photo = own.findLast((/** @type {any} */ one) => one.hand) ?? own.at(-1);
  const image = drawn ? make("img", { src: drawn, alt: "", width: 96, height: 96 }) : photo && pictureOf(label, photo.name);
  const isNew = taught?.in_use === "taught" && taught.taught.added.includes(label);
  const words = make("span", {}, label, ...(isNew ? [" ", make("span", { className: "new", textContent: "new" })] : []));
  const element = make("li", {}, ...(image ? [image] : []), words);
  element.classList.toggle("bare", !image);
  element.classList.toggle("mirrored", settings.hand === "left");
  return element;
}
