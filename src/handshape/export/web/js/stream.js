/** Predicts the newest frame, then the next one, with the model in this browser. */

import { ready } from "./reader.js";
import { predict } from "./server.js";

// Milliseconds between two frames at least, and between two attempts while there is no frame.
const BETWEEN = 66;
const LOOK = 4 * BETWEEN;

export class Stream extends EventTarget {
  /**
   * @param {() => Promise<Blob | null>} take Takes the newest frame.
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
    ready.then(
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
    this.mirrored = mirrored;
  }

  /** @param {number} turn Number of this start; a later start or stop ends the loop. */
  async go(turn) {
    await ready.catch(() => this.stop());
    while (turn === this.turn) {
      const start = performance.now();
      const frame = await this.take();
      if (frame) {
        const prediction = await predict(frame, this.mirrored).catch(() => null);
        if (turn !== this.turn) return;
        if (prediction) this.show(prediction);
      }
      const pause = Math.max(0, (frame ? BETWEEN : LOOK) - (performance.now() - start));
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}
