/** Which sign a photo shows and who signs, by its path: `hello/anna_3.jpg`, `anna/hello/1.jpg`, `hello/1.jpg`. */

// Names that cameras and programs give to photos: they say nothing about who signs.
const CAMERA = /^(?:img|image|images|dsc[a-z]?|pxl|mvimg|gopr|photo|pic|picture|frame|snap|webcam|capture|screen ?shot|whatsapp image|win|p|file|scan)$/i;
// Folders around the signs that are no person.
const AROUND = /^(?:photos|images|pictures|data|dataset|train|training|valid|val|validation|dev|test|testing)$/i;
const SYSTEM = /^(?:\.|__MACOSX$|thumbs\.db$|desktop\.ini$)/i;

/** @typedef {{label: string, signer: string}} Place */

/**
 * Return whether a file belongs to the system or describes a project, and is never a photo.
 * @param {string} path
 */
export function isAside(path) {
  return path === "project.json" || path.split("/").some((part) => SYSTEM.test(part));
}

/**
 * Find the signs and the signers of photos.
 * @param {string[]} paths
 * @param {Place} given What is written in the fields Sign and Who signs; it counts where a path does not say.
 * @returns {Place[]} Empty texts where nothing says it.
 */
export function placesOf(paths, given) {
  const above = new Set(paths.map((path) => path.split("/").at(-3) ?? "").filter(Boolean));
  // One folder around all is a person only where nobody is named in the field.
  const folders = above.size > 1 || !given.signer;
  return paths.map((path) => {
    const [name, folder = "", outer = ""] = path.split("/").reverse();
    const label = folder || given.label;
    const signer = signerOf(name, label) || (folders && !AROUND.test(outer) ? outer : "") || given.signer;
    return { label: label.trim(), signer: signer.trim() };
  });
}

/**
 * @param {string} name Of the file.
 * @param {string} label
 * @returns {string} The name before the number, unless it is a camera's or the sign's.
 */
function signerOf(name, label) {
  const words = /^(.+)_\d+\.\w+$/.exec(name)?.[1].split("_") ?? [];
  while (words.length && (CAMERA.test(/** @type {string} */ (words.at(-1))) || /^\d+$/.test(/** @type {string} */ (words.at(-1))))) words.pop();
  const signer = words.join("_");
  return signer.toLowerCase() === label.toLowerCase() ? "" : signer;
}

/**
 * Count photos by sign and person: "60 photos: 3 signs, 2 people".
 * @param {Place[]} places
 */
export function summaryOf(places) {
  const signs = new Set(places.map(({ label }) => label)).size;
  const people = new Set(places.map(({ signer }) => signer)).size;
  const count = (/** @type {number} */ number, /** @type {string} */ one, /** @type {string} */ many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  return `${count(places.length, "photo", "photos")}: ${count(signs, "sign", "signs")}, ${count(people, "person", "people")}`;
}
