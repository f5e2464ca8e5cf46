/** The page: which view is shown, and which one gets the camera and its predictions. */

import { makeAbout } from "./about.js";
import { Camera } from "./camera.js";
import { find } from "./dom.js";
import { cutFrame } from "./frames.js";
import { makeLive } from "./live.js";
import { model } from "./model.js";
import { makePhoto } from "./photo.js";
import { makePractise } from "./practise.js";
import { displayOf } from "./prediction.js";
import { place } from "./server.js";
import { settings } from "./settings.js";
import { makeSpell } from "./spell.js";
import { Stage } from "./stage.js";
import { Stream } from "./stream.js";
import { makeTeach } from "./teach.js";

const camera = new Camera(find("#video"));
const stream = new Stream(frame, show);
const stage = new Stage(camera, mirrorChanged);
/** @type {Record<string, import("./types.js").View>} */
const views = {
  live: makeLive(),
  spell: makeSpell(stage),
  practise: makePractise(stage),
  photo: makePhoto(),
  teach: makeTeach(camera),
  about: makeAbout(),
};
let current = "";
// Milliseconds of a frame and between two frames, moving means; when the last frame came, and when they were last shown.
let pace = 0;
let between = 0;
let before = 0;
let shown = 0;
const PACE = 500;
const PAUSED = 1000;

/** Take what the guide box shows; `stream.mirror` sets whether that is a mirror image. */
function frame() {
  if (camera.state !== "on" || document.hidden) return null;
  return cutFrame(camera.video, settings.mirror);
}

/** Recognisers are trained on right hands as others see them; a left hand is a mirrored right one. */
function isMirrored() {
  return settings.mirror !== (settings.hand === "left");
}

function mirrorChanged() {
  stream.mirror(isMirrored());
  const view = views[current];
  view.leave?.();
  view.enter();
}

/** @param {import("./types.js").Prediction} prediction */
function show(prediction) {
  if (camera.state !== "on") return;
  const display = displayOf(prediction, model.chosen);
  const now = performance.now();
  stage.display(display, prediction.hand ?? null);
  views[current].show?.(display, now);
  keepPace(prediction.milliseconds, now);
}

/**
 * Show how long a frame takes, at a pace that can be read.
 * @param {number | undefined} time Milliseconds.
 * @param {number} now
 */
function keepPace(time, now) {
  if (time === undefined) return setStatus("on", "Running");
  const gap = now - before;
  before = now;
  if (gap > PAUSED) return void (pace = between = 0);
  pace = pace ? 0.8 * pace + 0.2 * time : time;
  between = between ? 0.9 * between + 0.1 * gap : gap;
  if (now - shown < PACE) return;
  shown = now;
  setStatus("on", `${Math.round(1000 / between)} fps, ${Math.max(1, Math.round(pace))} ms`);
}

/**
 * @param {string} state
 * @param {string} words
 */
function setStatus(state, words) {
  const place = find("#status");
  if (place.dataset.state !== state) place.dataset.state = state;
  find(".words", place).textContent = words;
}

function connection() {
  if (!stream.connected) stage.landmarks(null);
  if (!stream.wanted) return setStatus("off", "Ready");
  if (!stream.connected) return setStatus("lost", place.lost);
  setStatus("on", camera.state === "on" ? "Running" : "Connected");
}

function go() {
  const wanted = location.hash.slice(1);
  const name = wanted in views ? wanted : "live";
  if (name === current) return;
  const first = current === "";
  if (!first) {
    views[current].leave?.();
    find(`#view-${current}`).hidden = true;
  }
  current = name;
  const view = views[name];
  stage.landmarks(null);
  document.body.dataset.view = name;
  find(`#view-${name}`).hidden = false;
  find("#stage").hidden = !view.camera;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = find(`#h-${name}`);
  document.title = `${heading.textContent} · handshape`;
  if (view.camera) {
    camera.start(settings.camera);
    stream.start();
  } else {
    camera.stop();
    stream.stop();
  }
  view.enter();
  scrollTo(0, 0);
  if (!first) heading.focus({ preventScroll: true });
}

addEventListener("hashchange", go);
addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.closest("input, select, textarea, button, a, summary");
  if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && views[current].key?.(event)) event.preventDefault();
});
stream.addEventListener("change", () => {
  connection();
  if (stream.connected) model.refresh(); // it may be another server, with another recogniser
});
stream.addEventListener("refused", (event) => {
  const { message } = /** @type {CustomEvent} */ (event).detail;
  setStatus("on", "Connected");
  if (model.labels.length) find(`#view-${current} .verdict`).textContent = message;
});
model.addEventListener("change", () => (find("#no-model").hidden = !model.about || model.labels.length > 0));
camera.addEventListener("change", connection);
stream.mirror(isMirrored());
model.refresh();
go();
