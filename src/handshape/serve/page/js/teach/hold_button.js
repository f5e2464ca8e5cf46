/** A button that does something for as long as it is held: by mouse, finger or key. */

/**
 * @param {HTMLElement} button
 * @param {() => void} begin
 * @param {() => void} end
 */
export function holdButton(button, begin, end) {
  let held = false;
  const press = () => {
    if (held) return;
    held = true;
    button.classList.add("held-down");
    begin();
  };
  const release = () => {
    if (!held) return;
    held = false;
    button.classList.remove("held-down");
    end();
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    button.setPointerCapture(event.pointerId); // the finger may move off it
    press();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(name, release);
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is not a question
  button.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    press();
  });
  button.addEventListener("keyup", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    release();
  });
  // Screen readers and voice control click without pressing.
  button.addEventListener("click", (event) => {
    if (event.detail) return;
    press();
    release();
  });
}
