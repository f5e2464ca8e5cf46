/** Practise: a letter is asked for, its hand is shown, and confusions are counted. */

import { say } from "./announce.js";
import { Confusions } from "./confusions.js";
import { counted, find, listed, make, percent } from "./dom.js";
import { hintFor, movingIn } from "./hints.js";
import { Hold } from "./hold.js";
import { model } from "./model.js";
import { isNothing, PredictionPanel, WAITING } from "./prediction.js";
import { change, settings } from "./settings.js";
import { vocabulary, wordsOf } from "./words.js";

// Milliseconds between a correct letter and the next one.
const PAUSE = 900;

/**
 * @param {import("./stage.js").Stage} stage
 * @returns {import("./types.js").View}
 */
export function makePractise(stage) {
  return new Practise(stage);
}

class Practise {
  /** @param {import("./stage.js").Stage} stage */
  constructor(stage) {
    this.camera = true;
    this.stage = stage;
    this.panel = new PredictionPanel(find("#practise-told"));
    this.hold = new Hold(settings.hold);
    this.confusions = new Confusions();
    this.kind = "letters";
    this.target = "";
    this.word = "";
    this.at = 0;
    this.correct = 0;
    this.streak = 0;
    this.rest = 0;
    find("#practise-skip").addEventListener("click", () => this.next(true));
    find("#practise-forget").addEventListener("click", () => this.forget());
    find("#practise-keep").addEventListener("click", () => this.save());
    vocabulary.addEventListener("change", () => this.kind === "words" && !this.word && this.next(true));
    for (const choice of document.querySelectorAll("#practise-kind input")) {
      choice.addEventListener("change", () => this.choose(/** @type {HTMLInputElement} */ (choice).value));
    }
    const hints = find("#show-hint");
    hints.checked = settings.hints;
    hints.addEventListener("change", () => {
      change("hints", hints.checked);
      this.ask();
    });
    model.addEventListener("change", () => this.labels.includes(this.target) || this.next(true));
  }

  get labels() {
    return model.labels.filter((label) => !isNothing(label) && !["space", "del", "delete"].includes(label.toLowerCase()));
  }

  enter() {
    this.hold.seconds = settings.hold;
    this.hold.reset();
    this.panel.show(WAITING);
    if (!this.target) this.next(true);
    this.ask();
    this.score();
  }

  leave() {
    this.stage.hold(0);
  }

  /** @param {string} kind */
  choose(kind) {
    this.kind = kind;
    this.word = "";
    this.next(true);
  }

  forget() {
    this.confusions.forget();
    this.correct = this.streak = 0;
    this.score();
  }

  /** @param {boolean} skip Whether a word is left unfinished. */
  next(skip) {
    const words = this.kind === "words" ? wordsOf(vocabulary.words, model.letters) : [];
    if (this.kind === "words" && words.length) {
      this.at += 1;
      if (skip || this.at >= this.word.length) {
        const others = words.filter((word) => word !== this.word);
        this.word = (others.length ? others : words)[Math.floor(Math.random() * (others.length || words.length))];
        this.at = 0;
      }
      const letter = this.word[this.at];
      this.target = this.labels.find((label) => label.toUpperCase() === letter) ?? letter;
    } else {
      this.word = "";
      this.target = this.labels.length ? this.confusions.choose(this.labels, this.target) : "";
    }
    this.hold.reset();
    this.ask();
  }

  /** Show what is asked for. */
  ask() {
    const letter = find("#target-letter");
    letter.textContent = this.target || "–";
    letter.classList.toggle("long", this.target.length > 2);
    const word = find("#practise-word");
    word.hidden = this.kind !== "words";
    word.replaceChildren(...this.spelled());
    const picture = hintFor(this.target);
    const left = settings.hand === "left";
    find("#hint").hidden = !settings.hints || !picture;
    find("#hint").classList.toggle("mirrored", left);
    if (picture) find("#hint img").src = picture;
    find("#hint img").alt = picture ? `Drawn ${left ? "left" : "right"} hand signing ${this.target}` : "";
    const moving = movingIn([this.target]);
    find("#hint figcaption").textContent = `${left ? "Left" : "Right"} hand, as others see it${moving && `. ${moving}`}`;
  }

  spelled() {
    if (this.kind === "words" && !this.word) return ["No word can be spelled with these letters yet."];
    return [...this.word].map((letter, index) => {
      const part = make("span", { textContent: letter });
      if (index < this.at) part.className = "past";
      if (index === this.at) part.setAttribute("aria-current", "step");
      return part;
    });
  }

  /**
   * @param {import("./types.js").Display} display
   * @param {number} now
   */
  show(display, now) {
    if (now < this.rest) return;
    const { label, progress, done } = this.hold.take(display.state === "sure" ? display.label : null, now);
    const fits = label === this.target;
    this.panel.show(display, display.state === "sure" ? (fits ? "Correct. Hold it." : `Predicted: ${display.label}`) : undefined);
    this.panel.place.classList.toggle("fits", fits && display.state === "sure");
    this.panel.hold(progress);
    this.stage.hold(fits ? progress : 0);
    if (done && label && this.target) this.count(label, now);
  }

  /**
   * @param {string} label The label that was held.
   * @param {number} now
   */
  count(label, now) {
    this.confusions.add(this.target, label);
    if (label !== this.target) {
      this.streak = 0;
      say(`Predicted as ${label}, not ${this.target}`);
    } else {
      this.correct += 1;
      this.streak += 1;
      this.rest = now + PAUSE;
      this.panel.verdict.textContent = `${this.target}: correct.`;
      const before = this.target;
      setTimeout(() => {
        this.stage.hold(0);
        this.next(false);
        say(`${before} is correct. Next: ${this.target}`);
      }, PAUSE);
    }
    this.score();
  }

  score() {
    find("#score").replaceChildren(
      make("strong", { textContent: String(this.correct) }), " correct",
      ...(this.streak > 1 ? [", ", make("strong", { textContent: String(this.streak) }), " in a row"] : []),
    );
    const pairs = this.confusions.pairs().slice(0, 6);
    const list = make("ul", { className: "pairs" }, ...pairs.map(({ asked, predicted, times }) =>
      make("li", {}, make("strong", { textContent: asked }), " was predicted as ", make("strong", { textContent: predicted }), `, ${counted(times, "time")}`)));
    const nothing = make("p", { textContent: "Nothing yet." });
    find("#confused-pairs").replaceChildren(pairs.length ? list : nothing, ...this.own());
    const letters = this.confusions.letters();
    find("#practise-keep").hidden = !letters.length;
    find("#practise-letters").hidden = !letters.length;
    find("#practise-letters").replaceChildren(make("table", {},
      make("thead", {}, row("th", ["Letter", "Signed", "Correct", "Predicted as"])),
      make("tbody", {}, ...letters.map(({ letter, times, correct, confused }) =>
        row("td", [letter, String(times), percent(correct / times), listed(confused) || "–"])))));
  }

  /** Save the table of the letters as a file. */
  save() {
    const rows = this.confusions.letters().map(({ letter, times, correct, confused }) => [letter, times, correct, confused.join(" ")]);
    const lines = [["letter", "signed", "correct", "predicted_as"], ...rows].map((cells) => cells.map(quoted).join(","));
    const link = make("a", { download: `practice-${new Date().toISOString().slice(0, 10)}.csv` });
    link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }));
    link.click();
    URL.revokeObjectURL(link.href);
  }

  /** @returns {Node[]} The letters at which the recogniser itself is weak, so that learners do not blame their hands. */
  own() {
    const weak = Object.entries(model.about?.figures?.labels ?? {})
      .filter(([, figure]) => typeof figure?.recall === "number" && figure.recall < 0.9)
      .sort(([, a], [, b]) => a.recall - b.recall)
      .slice(0, 4)
      .map(([label]) => label);
    if (!weak.length) return [];
    return [make("p", { textContent: `In its own test this recogniser was least accurate on ${listed(weak)}.` })];
  }
}

/**
 * @param {"th" | "td"} kind
 * @param {string[]} cells
 */
function row(kind, cells) {
  return make("tr", {}, ...cells.map((textContent, index) => make(index ? kind : "th", { textContent, scope: kind === "th" ? "col" : "row" })));
}

/** @param {string | number} cell A label may hold commas and quotes. */
function quoted(cell) {
  return /[",\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell);
}
