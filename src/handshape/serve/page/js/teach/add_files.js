/** Add photos that are there already: chosen or dropped, shown as a summary first, with what cannot be used and why. */

import { say } from "../announce.js";
import { counted, find, make } from "../dom.js";
import { placesOf, summaryOf } from "./paths.js";
import { chosen, dropped, look } from "./sources.js";

const LISTED = 100;

/** @typedef {import("./sources.js").Refused} Refused */
/** @typedef {{path: string, photo: Blob, label: string, signer: string}} Ready */

export class AddFiles {
  /**
   * @param {() => {label: string, signer: string}} fields Returns what is written in Sign and Who signs.
   * @param {(photos: Ready[]) => Promise<void>} add Takes the photos.
   */
  constructor(fields, add) {
    this.fields = fields;
    this.add = add;
    this.shown = false;
    this.turn = 0;
    this.zone = find("#teach-drop");
    this.review = find("#teach-review");
    for (const input of this.zone.querySelectorAll("input")) {
      input.addEventListener("change", () => {
        this.take(chosen(input.files ?? []));
        input.value = "";
      });
    }
    for (const name of ["dragenter", "dragover"]) addEventListener(name, () => this.zone.classList.toggle("over", this.shown));
    addEventListener("dragleave", (event) => event.relatedTarget || this.zone.classList.remove("over"));
    addEventListener("drop", (event) => {
      this.zone.classList.remove("over");
      if (this.shown && event.dataTransfer) dropped(event.dataTransfer).then((sources) => this.take(sources));
    });
  }

  /** @param {import("./sources.js").Source[]} sources */
  async take(sources) {
    if (!sources.length) return;
    const turn = ++this.turn;
    this.review.hidden = false;
    const { photos, refused } = await look(sources, (done, all) => {
      if (turn === this.turn) this.review.replaceChildren(make("p", { textContent: `Looking at photo ${done + 1} of ${all}` }));
    });
    if (turn !== this.turn) return; // others were chosen meanwhile
    const places = placesOf(photos.map(({ path }) => path), this.fields());
    /** @type {Ready[]} */
    const ready = [];
    photos.forEach((photo, index) => {
      const { label, signer } = places[index];
      if (!label) refused.push({ path: photo.path, reason: "shows which sign? Write it in Sign, or drop a folder with the sign's name" });
      else if (!signer) refused.push({ path: photo.path, reason: "shows whom? Write it in Who signs, or name the file like anna_1.jpg" });
      else ready.push({ ...photo, ...places[index] });
    });
    this.ask(ready, refused);
  }

  /**
   * Show what would be added.
   * @param {Ready[]} ready
   * @param {Refused[]} refused
   */
  ask(ready, refused) {
    const words = ready.length ? summaryOf(ready) : "No photo that can be added";
    const add = make("button", { type: "button", className: "primary", textContent: `Add ${counted(ready.length, "photo")}` });
    const cancel = make("button", { type: "button", className: "quiet", textContent: ready.length ? "Cancel" : "Close" });
    add.addEventListener("click", async () => {
      add.disabled = true;
      this.review.hidden = true;
      await this.add(ready);
    });
    cancel.addEventListener("click", () => (this.review.hidden = true));
    this.review.replaceChildren(
      make("p", { className: "summary", textContent: words }),
      ...(ready.length ? [bySign(ready)] : []),
      ...(refused.length ? [notAdded(refused)] : []),
      make("div", { className: "row" }, ...(ready.length ? [add] : []), cancel),
    );
    say(words);
    (ready.length ? add : cancel).focus();
  }
}

/** @param {Ready[]} ready Photos by sign, with the people. */
function bySign(ready) {
  const labels = [...new Set(ready.map(({ label }) => label))];
  return make("ul", { className: "signs small" }, ...labels.map((label) => {
    const photos = ready.filter((photo) => photo.label === label);
    const people = [...new Set(photos.map(({ signer }) => signer))].join(", ");
    return make("li", {}, make("strong", { textContent: label }), ` ${counted(photos.length, "photo")} of ${people}`);
  }));
}

/**
 * List files that are not added, with reasons.
 * @param {Refused[]} refused
 */
export function notAdded(refused) {
  const rows = refused.slice(0, LISTED).map(({ path, reason }) => make("li", {}, make("code", { textContent: path }), ` ${reason}`));
  if (refused.length > LISTED) rows.push(make("li", { textContent: `and ${refused.length - LISTED} more` }));
  return make("details", { className: "small", open: refused.length < 6 },
    make("summary", { textContent: `${counted(refused.length, "file")} not added` }), make("ul", { className: "refused" }, ...rows));
}
