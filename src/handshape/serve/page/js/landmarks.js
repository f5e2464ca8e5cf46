/** Hand landmarks, drawn over a photo or a frame as lines along the fingers. */

const SVG = "http://www.w3.org/2000/svg";
// The thumb, the outline of the palm, and the fingers.
const LINES = [[0, 1, 2, 3, 4], [0, 5, 9, 13, 17, 0], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20]];

export class LandmarkOverlay {
  /** @param {number} [aspect] The photo's width divided by its height. */
  constructor(aspect = 1) {
    this.aspect = aspect;
    // A line of no length with round ends is a dot: four elements are moved with each frame, and not fifty.
    this.lines = ["edge", "bone"].map((name) => shape("path", { class: name }));
    this.dots = ["rim", "joint"].map((name) => shape("path", { class: name }));
    /** What is laid over the photo. */
    this.element = shape("svg", { viewBox: `0 0 ${aspect} 1`, preserveAspectRatio: "xMidYMid slice", class: "skeleton", "aria-hidden": "true" },
      ...this.lines, ...this.dots);
  }

  /**
   * Show the landmarks of another photo or frame.
   * @param {[number, number][]} landmarks x to the right and y down, as fractions of the photo's width and height.
   * @param {boolean} [mirrored] Whether the photo is shown as its mirror image.
   */
  show(landmarks, mirrored = false) {
    const places = landmarks.map(([x, y]) => `${(this.aspect * (mirrored ? 1 - x : x)).toFixed(4)} ${y.toFixed(4)}`);
    const lines = LINES.map((line) => `M${line.map((index) => places[index]).join("L")}`).join("");
    for (const path of this.lines) path.setAttribute("d", lines);
    const dots = places.map((place) => `M${place}h0`).join("");
    for (const path of this.dots) path.setAttribute("d", dots);
    return this;
  }
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
