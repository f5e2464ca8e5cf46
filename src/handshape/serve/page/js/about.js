/** About this model: how good it is, at what it is weak, on whom that was measured, and what it cannot do. */

import { find, listed, make, percent } from "./dom.js";
import { model } from "./model.js";
import { place } from "./server.js";

/** @type {Record<string, string>} */
const SPLITS = {
  signer: "people it had never seen",
  random: "photos of the people it had learnt from",
  given: "photos that were set apart beforehand",
};

/** @returns {import("./types.js").View} */
export function makeAbout() {
  let entered = false;
  const show = () => find("#about-text").replaceChildren(...(model.labels.length ? describe(model.about) : missing()));
  model.addEventListener("change", () => entered && show());
  return {
    camera: false,
    enter() {
      entered = true;
      show();
      model.refresh();
    },
    leave: () => void (entered = false),
  };
}

function missing() {
  return [
    make("p", { className: "sentence", textContent: "There is no recogniser yet." }),
    make("p", {}, "Teach one here from your own photos: ", make("a", { href: "#teach", textContent: "begin with two signs" }), "."),
  ];
}

/** @param {any} about What `GET /v1/model` says. */
function describe(about) {
  const figures = about.figures ?? {};
  return [
    make("p", { className: "sentence", textContent: sentence(about) }),
    ...interval(figures),
    part("Weakest letters", weakest(figures)),
    part("Whom it was tested on", people(about)),
    part("Left hands", leftHands(figures)),
    part("When it says unsure", unsure(about)),
    part("What it cannot do", limits()),
    part("What it is", facts(about)),
  ];
}

/** @param {any} about */
function sentence({ figures, trained_on: trained, labels }) {
  const accuracy = figures?.test_accuracy;
  if (figures?.sentence) return figures.sentence;
  if (typeof accuracy !== "number") return `It reads ${labels.length} signs. How well is not known.`;
  const one = Object.keys(figures.signers ?? {}).length === 1 && trained?.split === "signer";
  const whose = one ? "a person it had never seen" : (SPLITS[trained?.split] ?? SPLITS.given);
  return `It read ${percent(accuracy)} of ${count(trained?.test)} right, of ${whose}.`;
}

/** @param {number | undefined} photos */
function count(photos) {
  return typeof photos === "number" ? `${photos.toLocaleString("en")} test photos` : "its test photos";
}

/** @param {any} figures */
function interval(figures) {
  const range = figures.test_interval;
  if (!range) return [];
  const scale = make("div", { className: "scale", role: "img", "aria-label": `Between ${percent(range[0])} and ${percent(range[1])}` }, make("i"), make("b"));
  scale.style.setProperty("--low", range[0]);
  scale.style.setProperty("--high", range[1]);
  scale.style.setProperty("--at", figures.test_accuracy);
  const scope = figures.interval_scope ? ` It speaks of ${figures.interval_scope}.` : "";
  return [scale, make("p", { textContent: `A test of this size leaves room: the true figure lies between ${percent(range[0])} and ${percent(range[1])} (95 %).${scope}` })];
}

/** @param {any} figures */
function weakest(figures) {
  /** @type {[string, any][]} */
  const labels = Object.entries(figures.labels ?? {}).filter(([, one]) => typeof one?.recall === "number");
  if (!labels.length) return ["Not known: no test photos."];
  const weak = labels.filter(([, one]) => one.recall < 1).sort(([, a], [, b]) => a.recall - b.recall).slice(0, 5);
  if (!weak.length) return ["None in its test: every test photo of every sign was read right. That is a small test, not a promise."];
  const bars = make("ol", { className: "bars" }, ...weak.map(([label, one]) => {
    const bar = make("i");
    bar.style.setProperty("--share", one.recall);
    return make("li", {}, make("span", { className: "what", textContent: label }), bar, make("span", { className: "share", textContent: percent(one.recall) }));
  }));
  const most = figures.most_confused;
  return [bars, ...(most ? [`Most often, ${most.true} was read as ${most.predicted}.`] : [])];
}

/** @param {any} about */
function people({ figures, trained_on: trained }) {
  const tested = Object.keys(figures?.signers ?? {});
  const learnt = trained?.signers ?? [];
  const words = [];
  if (tested.length) words.push(`${tested.length === 1 ? "One person" : `${tested.length} people`} (${listed(tested)}).`);
  else words.push("It is not known whose hands are in its test photos.");
  if (learnt.length) words.push(`It learnt from ${learnt.length === 1 ? "one person" : `${learnt.length} people`} (${listed(learnt)}).`);
  if (trained?.split === "random") words.push("Test photos of the same people, often of the same minute, make any recogniser look better than it is with someone new.");
  words.push(`Few people stand for few hands: other ages, skin tones, hand shapes and rooms may be read worse. If it reads you badly, that is its fault and not yours; ${place.teach}.`);
  return words;
}

/** @param {any} figures */
function leftHands(figures) {
  const mirrored = figures.mirrored_accuracy;
  const switched = "Choose the left hand beside the camera, and its pictures are turned over before they are read.";
  if (typeof mirrored !== "number") return [`How well it reads left hands was not measured. ${switched}`];
  return [`Of the same photos mirrored it reads ${percent(mirrored)}. That is what a left hand can expect unless the page is told. ${switched}`];
}

/** @param {any} about */
function unsure({ threshold, figures }) {
  if (!threshold) return ["It always gives its best guess."];
  const rejection = figures?.rejection ?? {};
  const words = [`Below a probability of ${percent(threshold)}.`];
  if (typeof rejection.coverage === "number") {
    const right = typeof rejection.accuracy === "number" ? `, and was right in ${percent(rejection.accuracy)} of these` : "";
    words.push(`It answered ${percent(rejection.coverage)} of its test photos${right}.`);
  }
  const rooms = figures?.no_hand_refused;
  if (typeof rooms === "number") words.push(`Of pictures of rooms without a hand it rightly named none in ${percent(rooms)}; in the others it saw a letter where there was no hand.`);
  return words;
}

function limits() {
  return [
    "It names the shape of one hand in one picture. J and Z are signed with a movement, which one picture does not have.",
    "A sign language is far more than its alphabet: movement, place, face and grammar carry meaning. This page does not understand it, and is no interpreter.",
  ];
}

/** @param {any} about */
function facts(about) {
  const network = about.network ?? {};
  const rows = {
    "Signs": listed(about.labels),
    "Network": network.backbone ? `a head on frozen ${network.backbone}` : (network.model ?? "–"),
    "Photos it learnt from": String(about.trained_on?.train ?? "–"),
    "Computed by": about.engine === "onnxruntime" ? "ONNX Runtime" : (about.engine ?? "–"),
  };
  return [make("dl", {}, ...Object.entries(rows).flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]))];
}

/**
 * @param {string} heading
 * @param {(string | Node)[]} content
 */
function part(heading, content) {
  return make("section", {}, make("h2", { textContent: heading }),
    ...content.map((one) => (typeof one === "string" ? make("p", { textContent: one }) : one)));
}
