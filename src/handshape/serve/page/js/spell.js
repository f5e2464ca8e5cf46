/** Spell: letters held steady become text. */

import { say } from "./announce.js";
import { find } from "./dom.js";
import { Hold } from "./hold.js";
import { PredictionPanel, WAITING } from "./prediction.js";
import { change, keep, recall, settings } from "./settings.js";

const KEY = "handshape.written";
// Labels of recognisers that have these two signs.
const SPACES = new Set(["space"]);
const DELETES = new Set(["del", "delete", "backspace"]);

/**
 * Add one label to the text.
 * @param {string} text
 * @param {string} label One letter is written as it is; a longer label as a word of its own.
 */
export function write(text, label) {
  const name = label.toLowerCase();
  if (SPACES.has(name)) return `${text} `;
  if (DELETES.has(name)) return text.slice(0, -1);
  if ([...label].length === 1) return text + label;
  return `${text}${text && !text.endsWith(" ") ? " " : ""}${label} `;
}

/**
 * @param {import("./stage.js").Stage} stage
 * @returns {import("./types.js").View}
 */
export function makeSpell(stage) {
  const panel = new PredictionPanel(find("#view-spell .reading"));
  const hold = new Hold(settings.hold);
  const written = find("#written .text");
  let text = String(recall(KEY) ?? "");

  function put(/** @type {string} */ next, /** @type {string} */ words) {
    text = next;
    written.textContent = text;
    find("#written").classList.toggle("empty", !text);
    keep(KEY, text);
    if (words) say(words);
  }
  const space = () => put(`${text} `, "space");
  const remove = () => put([...text].slice(0, -1).join(""), "deleted");

  find("#spell-space").addEventListener("click", space);
  find("#spell-delete").addEventListener("click", remove);
  find("#spell-clear").addEventListener("click", () => put("", "cleared"));
  find("#spell-copy").addEventListener("click", () => copy(text));
  const slider = find("#spell-hold");
  const seconds = find("#spell-seconds");
  slider.value = settings.hold;
  const showSeconds = () => (seconds.textContent = `${Number(slider.value).toFixed(1)} s`);
  showSeconds();
  slider.addEventListener("input", () => {
    change("hold", Number(slider.value));
    hold.seconds = settings.hold;
    showSeconds();
  });

  return {
    camera: true,
    enter() {
      hold.reset();
      put(text, "");
      panel.show(WAITING);
    },
    leave() {
      stage.hold(0);
    },
    show(display, now) {
      const { label, progress, done } = hold.take(display.state === "sure" ? display.label : null, now);
      panel.show(display);
      panel.hold(progress);
      stage.hold(progress);
      if (done && label) put(write(text, label), label);
    },
    key(event) {
      if (event.key === " ") space();
      else if (event.key === "Backspace") remove();
      else return false;
      return true;
    },
  };
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("copied");
    find("#spell-copy").textContent = "Copied";
  } catch {
    find("#spell-copy").textContent = "Not allowed";
    // The text can still be copied by hand.
    getSelection()?.selectAllChildren(find("#written .text"));
  }
  setTimeout(() => (find("#spell-copy").textContent = "Copy"), 1600);
}
