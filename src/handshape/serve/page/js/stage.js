/** The camera's part of the page: picture, guide box, switches, and help when there is no picture. */

import { find, make } from "./dom.js";
import { guideBox } from "./frames.js";
import { LandmarkOverlay } from "./landmarks.js";
import { place } from "./server.js";
import { change, settings } from "./settings.js";

/** @type {Record<string, [string, string, string]>} Heading, sentence and button for each state without a picture. */
const TROUBLE = {
  off: ["The camera is off", place.off, "Turn the camera on"],
  starting: ["Turning the camera on", "Your browser may ask whether this page may use it.", ""],
  denied: [
    "The camera is not allowed here",
    "Allow it with the camera or lock sign beside the page's address, then try again. You can also try a photo instead.",
    "Try again",
  ],
  missing: ["No camera was found", "Connect one and try again. You can also try a photo instead.", "Try again"],
  busy: ["The camera is in use", "Another program uses it. Close that program, then try again.", "Try again"],
  insecure: [
    "This address cannot use the camera",
    "Browsers give the camera only to a page on this computer (http://localhost) or over https. You can try a photo instead.",
    "",
  ],
};

export class Stage {
  /**
   * @param {import("./camera.js").Camera} camera
   * @param {() => void} changed Called when the mirror or the signing hand has changed.
   */
  constructor(camera, changed) {
    this.camera = camera;
    this.changed = changed;
    this.picture = find("#picture");
    this.guide = find("#guide");
    this.mirror = find("#mirror");
    this.trouble = find("#trouble");
    this.select = find("#cameras select");
    this.overlay = new LandmarkOverlay();
    this.overlay.element.classList.add("tracked");
    this.guide.prepend(this.overlay.element);
    this.landmarks(null);
    camera.addEventListener("change", () => this.show());
    camera.addEventListener("devices", () => this.list());
    camera.video.addEventListener("resize", () => this.fit());
    find("#camera-again").addEventListener("click", () => camera.start(settings.camera));
    find("#pause").addEventListener("click", () => camera.stop());
    this.switches();
    find("#privacy").textContent = place.privacy;
    this.show();
  }

  switches() {
    this.mirror.checked = settings.mirror;
    this.mirror.addEventListener("change", () => this.set("mirror", this.mirror.checked));
    for (const choice of document.querySelectorAll("#hand input")) {
      const input = /** @type {HTMLInputElement} */ (choice);
      input.checked = input.value === settings.hand;
      input.addEventListener("change", () => this.set("hand", input.value));
    }
    this.select.addEventListener("change", () => {
      change("camera", this.select.value);
      this.camera.stop();
      this.camera.start(settings.camera);
    });
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    change(name, value);
    this.show();
    this.changed();
  }

  show() {
    const on = this.camera.state === "on";
    this.picture.classList.toggle("mirrored", settings.mirror);
    this.guide.hidden = !on;
    find("#hint-line").hidden = !on;
    find("#pause").hidden = !on;
    this.trouble.hidden = on;
    if (on) {
      this.fit();
      this.list();
      return;
    }
    const [heading, sentence, button] = TROUBLE[this.camera.state];
    find("h2", this.trouble).textContent = heading;
    find("p", this.trouble).textContent = sentence;
    find("button", this.trouble).textContent = button;
    find("button", this.trouble).hidden = !button;
    this.trouble.dataset.state = this.camera.state;
  }

  /** Give the picture the camera's shape, and put the guide box where frames are cut out. */
  fit() {
    const { videoWidth: width, videoHeight: height } = this.camera.video;
    if (!width) return;
    const { side } = guideBox(width, height);
    this.picture.style.setProperty("--shape", `${width} / ${height}`);
    this.guide.style.setProperty("--side", `${(100 * side) / width}%`);
  }

  async list() {
    const devices = await this.camera.devices();
    find("#cameras").hidden = devices.length < 2;
    this.select.replaceChildren(
      ...devices.map((device, index) => make("option", { value: device.deviceId, textContent: device.label || `Camera ${index + 1}` })),
    );
    this.select.value = settings.camera || devices[0]?.deviceId || "";
  }

  /**
   * Show the state of a prediction on the picture.
   * @param {import("./types.js").Display} display
   * @param {[number, number][] | null} hand As for `landmarks`.
   */
  display(display, hand) {
    this.picture.dataset.state = display.state;
    this.landmarks(hand);
    find("#hint-line").classList.toggle("gone", display.state === "sure" || hand !== null);
  }

  /**
   * Show where the hand is in the newest frame.
   * @param {[number, number][] | null} hand Its landmarks as fractions of the guide box as it is shown; null hides them.
   */
  landmarks(hand) {
    if (hand) this.overlay.show(hand);
    this.overlay.element.classList.toggle("gone", !hand);
  }

  /** @param {number} progress How long a letter was held, 0 to 1. */
  hold(progress) {
    this.guide.style.setProperty("--held", progress.toFixed(3));
  }
}
