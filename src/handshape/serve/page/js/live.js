/** Live: the current prediction, and all labels of the recogniser. */

import { sayPrediction } from "./announce.js";
import { find, make } from "./dom.js";
import { hintFor } from "./hints.js";
import { model } from "./model.js";
import { isNothing, PredictionPanel, WAITING } from "./prediction.js";
import { settings } from "./settings.js";

/** @returns {import("./types.js").View} */
export function makeLive() {
  const panel = new PredictionPanel(find("#view-live .reading"));
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
  }

  model.addEventListener("change", () => shown && list());
  return {
    camera: true,
    enter() {
      shown = true;
      list();
      panel.show(WAITING);
    },
    leave() {
      shown = false;
      strip.hidden = true;
    },
    show(display, now) {
      panel.show(display);
      sayPrediction(display, now);
      for (const [label, element] of tiles) {
        element.classList.toggle("now", display.state === "sure" && label === display.label);
      }
    },
  };
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
