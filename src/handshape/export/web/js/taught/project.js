/** The project file: a class folder in a zip archive, `<label>/<signer>_<n>.jpg`, with a description beside the labels. */

import { writeZip } from "./zip.js";

const DESCRIPTION = "project.json";
const FORMAT = 1;
// Finds the signer in a path, as Python's commands take it.
const SIGNER_PATTERN = "([^/]+)_\\d+\\.\\w+$";

/**
 * Write a project, which Teach and handshape in Python read.
 * @param {{label: string, name: string, photo: Blob}[]} photos
 * @param {{model: string, labels: string[]}} base The recogniser that signs are added to.
 * @returns {Promise<Blob>}
 */
export function writeProject(photos, base) {
  const description = { format: FORMAT, base: base.model || null, base_labels: base.labels, signer_pattern: SIGNER_PATTERN };
  const content = new Blob([`${JSON.stringify(description, null, 2)}\n`], { type: "application/json" });
  return writeZip([{ name: DESCRIPTION, content }, ...photos.map(({ label, name, photo }) => ({ name: `${label}/${name}`, content: photo }))]);
}
