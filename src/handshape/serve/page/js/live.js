/** Live: the current prediction, and all labels of the recogniser. */

import { sayPrediction } from "./announce.js";
import { find, make } from "./dom.js";
import { hintFor, movingIn } from "./hints.js";
import { model } from "./model.js";
import { isNothing, PredictionPanel, WAITING } from "./prediction.js";
import { settings } from "./settings.js";
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

  function list() {
    const labels = model.labels.filter((label) => !isNothing(label));
    tiles = new Map(labels.map((label) => [label, tile(label)]));
    alphabet.replaceChildren(...tiles.values());
    strip.hidden = !labels.length;
    const moving = movingIn(labels);
    find("#moving").hidden = !moving;
    find("#moving").textContent = moving;
    threshold.show();
    mark();
  }

  model.addEventListener("change", () => shown && list());
  return {
    camera: true,
    enter() {
      shown = true;
      list();
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

/** @param {string} label */
function tile(label) {
  const picture = hintFor(label);
  const words = make("span", { textContent: label });
  const element = make("li", {}, ...(picture ? [make("img", { src: picture, alt: "", width: 96, height: 96 })] : []), words);
  element.classList.toggle("bare", !picture);
  element.classList.toggle("mirrored", settings.hand === "left");
  return element;
}
