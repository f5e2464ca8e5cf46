/** Training on the photos that were taken, its accuracy on new people, and using the result. */

import { counted, find, listed, make, percent } from "./dom.js";
import { model } from "./model.js";
import { isNothing } from "./prediction.js";
import { post } from "./server.js";

export class Training {
  /** @param {() => Promise<void>} changed Called after training, and when another recogniser is used. */
  constructor(changed) {
    this.changed = changed;
    this.button = find("#teach-train");
    this.ready = find("#teach-ready");
    this.result = find("#teach-result");
    this.busy = false;
    this.button.addEventListener("click", () => this.train());
  }

  /** @param {any} state The answer of `GET /v1/teach`. */
  show(state) {
    if (this.busy) return;
    this.button.disabled = Boolean(state.missing);
    const ready = `${counted(state.labels.length, "sign")}, ${counted(state.signers.length, "signer")}. Takes a second or two.`;
    this.ready.textContent = [state.missing || ready, handless(state.labels)].filter(Boolean).join(" ");
    this.outcome(state);
  }

  /** Train, and use the result at once: the answers beside the camera are its. */
  async train() {
    this.busy = true;
    this.button.disabled = true;
    this.ready.textContent = "Training …";
    try {
      await post("v1/teach/train");
      await post("v1/teach/use", { which: "taught" });
      this.busy = false;
      await Promise.all([this.changed(), model.refresh()]);
    } catch (error) {
      this.busy = false;
      this.button.disabled = false;
      this.ready.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {any} state */
  outcome(state) {
    const found = state.taught;
    if (!found) return this.result.replaceChildren();
    const parts = [make("p", { className: "sentence", textContent: found.sentence })];
    if (found.figures.signers) parts.push(perPerson(found.figures.signers));
    const weak = weakest(found.figures.labels ?? {});
    if (weak.length) parts.push(make("p", { className: "small", textContent: `Least accurate: ${listed(weak)}.` }));
    if (found.stale) parts.push(make("p", { className: "small", textContent: "The photos have changed. Train again to use them." }));
    parts.push(this.choice(state), ...(state.command ? [command(state)] : []));
    this.result.replaceChildren(...parts);
  }

  /** @param {any} state */
  choice(state) {
    const row = make("div", { className: "row" });
    const use = (/** @type {string} */ which) => async () => {
      await post("v1/teach/use", { which });
      await Promise.all([this.changed(), model.refresh()]);
    };
    if (state.in_use === "taught") {
      row.append(make("p", { className: "in-use", textContent: "In use now" }), make("a", { href: "#live", textContent: "Try it live" }));
      if (state.started_with) row.append(button("Go back to the earlier one", "quiet", use("started")));
    } else {
      row.append(button("Use it now", "primary", use("taught")));
    }
    return row;
  }
}

/**
 * @param {string} text
 * @param {string} kind
 * @param {() => Promise<void>} act
 */
function button(text, kind, act) {
  const element = make("button", { type: "button", className: kind, textContent: text });
  element.addEventListener("click", () => act().catch((error) => (element.textContent = error.message)));
  return element;
}

/** @param {any} state The same photos in a terminal. */
function command(state) {
  return make("details", { className: "small" }, make("summary", { textContent: "In a terminal" }),
    make("pre", { tabIndex: 0, textContent: `${state.command}\nhandshape predict '${state.taught.bundle}' PHOTO.jpg` }));
}

/**
 * Say how many photos have no hand.
 * @param {{label: string, photos: {hand: boolean | null}[]}[]} labels
 */
export function handless(labels) {
  const signs = labels.filter(({ label }) => !isNothing(label));
  const blind = signs.filter(({ photos }) => photos.every(({ hand }) => hand === false)).map(({ label }) => label);
  const count = signs.flatMap(({ photos }) => photos).filter(({ hand }) => hand === false).length;
  if (blind.length) return `No hand was found in any photo of ${listed(blind)}, so it looks like an empty picture. Take new photos.`;
  return count ? `${counted(count, "photo")} without a hand ${count === 1 ? "is" : "are"} saved but not used for training.` : "";
}

/** @param {Record<string, {accuracy: number, n: number}>} signers */
function perPerson(signers) {
  const heads = ["Person left out", "Photos", "Correct", ""].map((text) => make("th", { scope: "col", textContent: text }));
  const rows = Object.entries(signers).map(([name, { accuracy, n }]) => {
    const bar = make("i");
    bar.style.setProperty("--share", String(accuracy));
    return make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: n }),
      make("td", { textContent: percent(accuracy) }), make("td", { className: "bar", "aria-hidden": "true" }, bar));
  });
  return make("table", { className: "people" }, make("caption", { textContent: "Each person, recognised after the others had taught" }),
    make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
}

/** @param {Record<string, {recall: number}>} labels */
function weakest(labels) {
  return Object.entries(labels).filter(([, figure]) => figure.recall < 0.9).sort(([, a], [, b]) => a.recall - b.recall)
    .slice(0, 4).map(([label, figure]) => `${label} (${percent(figure.recall)})`);
}
