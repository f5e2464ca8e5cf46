/** Names of signs and signers that are safe as those of folders and files, on every system: names.py in Python. */

const LONGEST = 60;
// Windows keeps these for devices, whatever their ending.
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$/i;
// Folders of these names are the parts of a split.
const SPLITS = new Set(["train", "valid", "val", "test"]);
const FORBIDDEN = /[/\\:*?"<>|\p{C}\u2028\u2029]/u;

/** What cannot be done as it was asked for; asking again does not help. */
export class Refused extends Error {}

/**
 * Return a name without the spaces around it.
 * @param {"sign" | "signer"} kind
 * @param {string} text
 */
export function checkName(kind, text) {
  const name = text.normalize("NFC").trim();
  const length = [...name].length;
  if (!length || length > LONGEST) throw new Refused(`a name of ${length} characters for a ${kind}; expected 1 to ${LONGEST}; choose another name`);
  const odd = name.match(FORBIDDEN);
  if (odd) throw new Refused(`the ${kind} "${name}" has ${JSON.stringify(odd[0])} in it; expected letters, digits and spaces; leave it out`);
  if (name.startsWith(".") || name.endsWith(".")) throw new Refused(`the ${kind} "${name}" begins or ends with a dot; expected a name without; leave it out`);
  if (RESERVED.test(name) || (kind === "sign" && SPLITS.has(name.toLowerCase()))) {
    throw new Refused(`"${name}" as the name of a ${kind}; expected one that is not reserved; choose another name`);
  }
  return name;
}
