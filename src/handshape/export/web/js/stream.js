/** Predicts the newest frame, then the next one, with the recogniser in this browser. */

import { recogniser } from "./client.js";

// Milliseconds between two frames at least (25 a second: a camera gives 30), and between two attempts while there is none.
const BETWEEN = 40;
const LOOK = 100;

export class Stream extends EventTarget {
  /**
   * @param {() => HTMLCanvasElement | null} take Takes the newest frame.
   * @param {(prediction: import("./types.js").Prediction) => void} show Gets each prediction.
   */
  constructor(take, show) {
    super();
    this.take = take;
    this.show = show;
    this.wanted = false;
    this.connected = false;
    this.mirrored = false;
    this.turn = 0;
    this.first = true; // whether the next frame has nothing to do with the one before
    recogniser.ready.then(
      () => {
        this.connected = true;
        this.dispatchEvent(new Event("change"));
      },
      (error) => this.dispatchEvent(new CustomEvent("refused", { detail: { message: error.message } })),
    );
  }

  /** Start to predict frames. */
  start() {
    if (this.wanted) return;
    this.wanted = true;
    this.dispatchEvent(new Event("change"));
    this.go(++this.turn);
  }

  /** Stop predicting frames. */
  stop() {
    this.wanted = false;
    this.turn += 1;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {boolean} mirrored Whether the frames are mirror images, to be flipped first. */
  mirror(mirrored) {
    this.first ||= this.mirrored !== mirrored; // the hand is on the other side now
    this.mirrored = mirrored;
  }

  /** @param {number} turn Number of this start; a later start or stop ends the loop. */
  async go(turn) {
    await recogniser.ready.catch(() => this.stop());
    this.first = true;
    while (turn === this.turn) {
      const start = performance.now();
      const frame = this.take();
      if (frame) {
        const { mirrored, first } = this;
        this.first = false;
        const bitmap = await createImageBitmap(frame);
        const prediction = await recogniser.predictFrame(bitmap, mirrored, first).catch(() => null);
        if (turn !== this.turn) return;
        if (prediction) this.show({ ...prediction, milliseconds: performance.now() - start });
      }
      const pause = Math.max(0, (frame ? BETWEEN : LOOK) - (performance.now() - start));
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}
