/** From frame to frame: the newest one is read, then the next; the model is in this browser. */

import { ready } from "./reader.js";
import { read } from "./server.js";

// A frame every this many milliseconds at most, and a look for one this often while there is none.
const BETWEEN = 66;
const LOOK = 4 * BETWEEN;

export class Stream extends EventTarget {
  /**
   * @param {() => Promise<Blob | null>} take Takes the newest frame.
   * @param {(answer: import("./types.js").Answer) => void} show Gets each answer.
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

  /** Begin to read frames. */
  start() {
    if (this.wanted) return;
    this.wanted = true;
    this.dispatchEvent(new Event("change"));
    this.go(++this.turn);
  }

  /** Stop reading frames. */
  stop() {
    this.wanted = false;
    this.turn += 1;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {boolean} mirrored Whether the frames are mirror images of what the recogniser learnt. */
  mirror(mirrored) {
    this.mirrored = mirrored;
  }

  /** @param {number} turn Of being started; a later one puts an end to this one. */
  async go(turn) {
    await ready.catch(() => this.stop());
    while (turn === this.turn) {
      const start = performance.now();
      const frame = await this.take();
      if (frame) {
        const answer = await read(frame, this.mirrored).catch(() => null);
        if (turn !== this.turn) return;
        if (answer) this.show(answer);
      }
      const pause = Math.max(0, (frame ? BETWEEN : LOOK) - (performance.now() - start));
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}
