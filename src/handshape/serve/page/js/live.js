/** Live: what is read now, and the labels that can be. */

import { sayReading } from "./announce.js";
import { find, make } from "./dom.js";
import { hintFor } from "./hints.js";
import { model } from "./model.js";
import { isNothing, ReadingPanel, WAITING } from "./reading.js";
import { settings } from "./settings.js";

/** @returns {import("./types.js").View} */
export function makeLive() {
  const panel = new ReadingPanel(find("#view-live .reading"));
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
    show(reading, now) {
      panel.show(reading);
      sayReading(reading, now);
      for (const [label, element] of tiles) {
        element.classList.toggle("now", reading.state === "sure" && label === reading.label);
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
