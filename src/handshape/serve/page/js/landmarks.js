/** Hand landmarks, drawn over a photo as lines along the fingers. */

const SVG = "http://www.w3.org/2000/svg";
// From the wrist along each finger, and across the palm.
const LINES = [[0, 1, 2, 3, 4], [0, 5, 6, 7, 8], [0, 9, 10, 11, 12], [0, 13, 14, 15, 16], [0, 17, 18, 19, 20], [5, 9, 13, 17]];

/**
 * @param {[number, number][]} landmarks x to the right and y down, as fractions of the photo's width and height.
 * @param {boolean} [mirrored] Whether the photo is shown as its mirror image.
 * @param {number} [aspect] The photo's width divided by its height.
 */
export function landmarkOverlay(landmarks, mirrored = false, aspect = 1) {
  const places = landmarks.map(([x, y]) => [aspect * (mirrored ? 1 - x : x), y]);
  const path = LINES.map((line) => `M${line.map((index) => places[index].join(" ")).join("L")}`).join("");
  return shape("svg", { viewBox: `0 0 ${aspect} 1`, preserveAspectRatio: "xMidYMid slice", class: "skeleton", "aria-hidden": "true" },
    shape("path", { d: path, class: "edge" }),
    shape("path", { d: path, class: "bone" }),
    ...places.map(([x, y]) => shape("circle", { cx: x, cy: y, r: 0.014 })));
}

/**
 * @param {string} name
 * @param {Record<string, any>} attributes
 * @param {...Element} children
 */
function shape(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}
