/** Small helpers for the document. */

/**
 * Find the element that a selector names, which must be there.
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {any}
 */
export function find(selector, root = document) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/**
 * Make an element. Text is set as text only, so that a label cannot be markup.
 * @param {string} name
 * @param {Record<string, any>} [properties] Properties of the element; those with a dash are attributes.
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else /** @type {any} */ (element)[key] = value;
  }
  element.append(...children);
  return element;
}

/**
 * Write a fraction as a percentage: 0.976 as "98 %", and never 100 % for less than that.
 * @param {number} share
 */
export function percent(share) {
  const rounded = share < 1 ? Math.min(99, Math.round(share * 100)) : 100;
  return `${rounded}\u202f%`;
}

/**
 * Write a list as people do: "A, B and C".
 * @param {string[]} words
 * @param {string} [last]
 */
export function listed(words, last = "and") {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

/**
 * Write a number with its noun: "1 photo", "2 photos".
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
