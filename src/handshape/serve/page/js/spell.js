/** Spell: letters held steady become text; words are suggested. */

import { say } from "./announce.js";
import { counted, find, make } from "./dom.js";
import { Hold } from "./hold.js";
import { PredictionPanel, WAITING } from "./prediction.js";
import { change, keep, recall, settings } from "./settings.js";
import { complete, suggestions, vocabulary } from "./words.js";

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
    suggest();
  }
  function suggest() {
    find("#spell-words").replaceChildren(...suggestions(vocabulary.words, text).map((word, index) => {
      const button = make("button", { type: "button", title: `Key ${index + 1}`, textContent: complete("", word).trim() });
      button.addEventListener("click", () => put(complete(text, word), word));
      return make("li", {}, button);
    }));
  }
  function list() {
    find("#words-state").textContent = vocabulary.own
      ? `Suggested from your list of ${counted(vocabulary.words.length, "word")}, which stays in this browser.`
      : `Suggested from a list of ${counted(vocabulary.words.length, "usual English word")}.`;
    find("#words-usual").hidden = !vocabulary.own;
    suggest();
  }
  const space = () => put(`${text} `, "space");
  const remove = () => put([...text].slice(0, -1).join(""), "deleted");

  find("#spell-space").addEventListener("click", space);
  find("#spell-delete").addEventListener("click", remove);
  find("#spell-clear").addEventListener("click", () => put("", "cleared"));
  find("#spell-copy").addEventListener("click", () => copy(text));
  vocabulary.addEventListener("change", list);
  vocabulary.load();
  find("#words-file").addEventListener("change", async (/** @type {Event} */ event) => {
    const chosen = /** @type {HTMLInputElement} */ (event.target);
    const file = chosen.files?.[0];
    if (file) await vocabulary.use(await file.text());
    chosen.value = "";
  });
  find("#words-usual").addEventListener("click", () => vocabulary.use(null));
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
      else if (/^[1-9]$/.test(event.key)) find("#spell-words").querySelectorAll("button")[Number(event.key) - 1]?.click();
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
