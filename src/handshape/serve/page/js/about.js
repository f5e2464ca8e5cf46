/** About this recogniser: its accuracy, its weak letters, the people it was tested on, and its limits. */

import { find, listed, make, percent } from "./dom.js";
import { model } from "./model.js";
import { place } from "./server.js";

/** @type {Record<string, string>} */
const SPLITS = {
  signer: "people who are not in the training data",
  random: "people who are in the training data too",
  given: "a test set chosen beforehand",
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
    make("p", {}, "Teach one here from your own photos: ", make("a", { href: "#teach", textContent: "start with two signs" }), "."),
  ];
}

/** @param {any} about The answer of `GET /v1/model`. */
function describe(about) {
  const figures = about.figures ?? {};
  return [
    make("p", { className: "sentence", textContent: sentence(about) }),
    ...interval(figures),
    part("Least accurate letters", weakest(figures)),
    part("Who it was tested on", people(about)),
    part("Left hands", leftHands(figures)),
    part("When it is unsure", unsure(about)),
    part("What it cannot do", limits()),
    part("What it is", facts(about)),
  ];
}

/** @param {any} about */
function sentence({ figures, trained_on: trained, labels }) {
  const accuracy = figures?.test_accuracy;
  if (figures?.sentence) return figures.sentence;
  if (typeof accuracy !== "number") return `It knows ${labels.length} signs. Its accuracy is not known.`;
  const one = Object.keys(figures.signers ?? {}).length === 1 && trained?.split === "signer";
  const whose = one ? "one person who is not in the training data" : (SPLITS[trained?.split] ?? SPLITS.given);
  return `${percent(accuracy)} of ${count(trained?.test)} were classified correctly, from ${whose}.`;
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
  const scope = figures.interval_scope ? ` This covers ${figures.interval_scope}.` : "";
  return [scale, make("p", { textContent: `The true accuracy is probably between ${percent(range[0])} and ${percent(range[1])} (95 % interval).${scope}` })];
}

/** @param {any} figures */
function weakest(figures) {
  /** @type {[string, any][]} */
  const labels = Object.entries(figures.labels ?? {}).filter(([, one]) => typeof one?.recall === "number");
  if (!labels.length) return ["Not known: no test photos."];
  const weak = labels.filter(([, one]) => one.recall < 1).sort(([, a], [, b]) => a.recall - b.recall).slice(0, 5);
  if (!weak.length) return ["None: all test photos were classified correctly. With a small test that is no guarantee."];
  const bars = make("ol", { className: "bars" }, ...weak.map(([label, one]) => {
    const bar = make("i");
    bar.style.setProperty("--share", one.recall);
    return make("li", {}, make("span", { className: "what", textContent: label }), bar, make("span", { className: "share", textContent: percent(one.recall) }));
  }));
  const most = figures.most_confused;
  return [bars, ...(most ? [`Most often, ${most.true} was predicted as ${most.predicted}.`] : [])];
}

/** @param {any} about */
function people({ figures, trained_on: trained }) {
  const tested = Object.keys(figures?.signers ?? {});
  const trainedOn = trained?.signers ?? [];
  const words = [];
  if (tested.length) words.push(`${tested.length === 1 ? "One person" : `${tested.length} people`} (${listed(tested)}).`);
  else words.push("It is not known who the people in its test photos are.");
  if (trainedOn.length) words.push(`It was trained on ${trainedOn.length === 1 ? "one person" : `${trainedOn.length} people`} (${listed(trainedOn)}).`);
  if (trained?.split === "random") words.push("Because the same people are in training and test, the accuracy for someone new is lower.");
  words.push(`It has only seen a few people's hands: for other ages, skin tones, hand shapes and rooms it may be less accurate. If it fails with your hands, that is its fault and not yours; ${place.teach}.`);
  return words;
}

/** @param {any} figures */
function leftHands(figures) {
  const mirrored = figures.mirrored_accuracy;
  const advice = "Choose the left hand beside the camera, and its pictures are flipped first.";
  if (typeof mirrored !== "number") return [`Its accuracy on left hands was not measured. ${advice}`];
  return [`On mirror images of the test photos its accuracy is ${percent(mirrored)}. Expect that for left hands. ${advice}`];
}

/** @param {any} about */
function unsure({ threshold, figures }) {
  if (!threshold) return ["Never: it always gives its most probable label."];
  const rejection = figures?.rejection ?? {};
  const words = [`When the probability is below ${percent(threshold)}.`];
  if (typeof rejection.coverage === "number") {
    const correct = typeof rejection.answered_accuracy === "number" ? `, and ${percent(rejection.answered_accuracy)} of those answers were correct` : "";
    words.push(`It answered ${percent(rejection.coverage)} of its test photos${correct}.`);
  }
  const rooms = figures?.no_hand_refused;
  if (typeof rooms === "number") words.push(`It correctly gave no letter for ${percent(rooms)} of pictures without a hand.`);
  return words;
}

function limits() {
  return [
    "It classifies the shape of one hand in one picture. J and Z are signed with a movement, which one picture does not show.",
    "A sign language is far more than its alphabet: movement, place, face and grammar carry meaning. This page does not understand sign language and is no interpreter.",
  ];
}

/** @param {any} about */
function facts(about) {
  const rows = {
    "Signs": listed(about.labels),
    "Network": networkOf(about.network ?? {}),
    "Training photos": String(about.trained_on?.train ?? "–"),
    "Computed by": about.engine === "onnxruntime" ? "ONNX Runtime" : (about.engine ?? "–"),
  };
  return [make("dl", {}, ...Object.entries(rows).flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })]))];
}

/** @param {{model?: string, backbone?: string}} network */
function networkOf({ model = "–", backbone }) {
  /** @type {Record<string, string>} */
  const words = {
    combined: `image features of frozen ${backbone}, and hand landmarks`,
    frozen: `a head on frozen ${backbone}`,
    finetune: `fine-tuned ${backbone}`,
    landmarks: "a classifier of hand landmarks",
    cnn: "a small CNN, trained from scratch",
  };
  return words[model] ?? model;
}

/**
 * @param {string} heading
 * @param {(string | Node)[]} content
 */
function part(heading, content) {
  return make("section", {}, make("h2", { textContent: heading }),
    ...content.map((one) => (typeof one === "string" ? make("p", { textContent: one }) : one)));
}
