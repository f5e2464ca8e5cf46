/** Take the photos, the recogniser and the page away, and open the page on a phone. */

import { find, make } from "../dom.js";
import { download } from "../server.js";

/** @type {Record<string, [string, string]>} What can be taken away: the button, and what it is. */
const WHAT = {
  photos: ["The photos", "A project file. Drop it on Teach to go on elsewhere; `handshape add` reads it too."],
  bundle: ["The recogniser", "For `handshape predict`, `serve` and `load`."],
  page: ["The page", "A folder for any web server: the page predicts in the visitor's own browser."],
};

/** @param {any} state The answer of `GET v1/teach`. */
export function showTakeAway(state) {
  const { downloads = [], phone = null } = state;
  find("#take-away").hidden = !downloads.length && !phone;
  const list = find("#take-away ul");
  if (list.dataset.shown !== downloads.join()) {
    list.dataset.shown = downloads.join();
    list.replaceChildren(...downloads.map(item));
  }
  showPhone(phone);
}

/** @param {string} what */
function item(what) {
  const [name, text] = WHAT[what];
  const button = make("button", { type: "button", textContent: name });
  const words = make("p", { className: "small" }, ...withCode(text));
  button.addEventListener("click", async () => {
    button.disabled = true;
    words.textContent = "Packing …";
    try {
      save(await download(what));
      words.replaceChildren(...withCode(text));
    } catch (error) {
      words.textContent = /** @type {Error} */ (error).message;
    } finally {
      button.disabled = false;
    }
  });
  return make("li", {}, button, words);
}

/** @param {string} text With program names between backquotes. */
function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", { textContent: part }) : part));
}

/** @param {{name: string, content: Blob}} archive */
function save({ name, content }) {
  const address = URL.createObjectURL(content);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {{link: string | null, qr: string | null, text: string, commands: string[]} | null} phone */
function showPhone(phone) {
  const place = find("#phone");
  place.hidden = !phone;
  if (!phone || place.dataset.shown === JSON.stringify(phone)) return;
  place.dataset.shown = JSON.stringify(phone);
  place.replaceChildren(
    ...(phone.qr ? [make("img", { src: phone.qr, alt: `QR code of ${phone.link}`, width: 148, height: 148 })] : []),
    make("div", {}, make("h3", { textContent: "On a phone" }),
      ...(phone.link ? [make("p", {}, make("a", { href: phone.link, textContent: phone.link }))] : []),
      make("p", { className: "small", textContent: phone.text }),
      ...(phone.commands.length ? [make("pre", { tabIndex: 0, textContent: phone.commands.join("\n") })] : [])),
  );
}
