/** Holding: a label predicted steadily for a moment counts once, until the hand changes. */

// A frame or two with another prediction do not break a hold: hands tremble and cameras blur.
const GRACE = 250;

export class Hold {
  /** @param {number} seconds How long a label is to be held. */
  constructor(seconds) {
    this.seconds = seconds;
    /** @type {string | null} */
    this.label = null;
    this.since = 0;
    this.seen = 0;
    this.fired = false;
  }

  /** Forget what is being held. */
  reset() {
    this.label = null;
    this.fired = false;
  }

  /**
   * Take one prediction.
   * @param {string | null} label The predicted label, or null where it is unsure or there is no hand.
   * @param {number} now Milliseconds.
   * @returns {{label: string | null, progress: number, done: boolean}} The label being held, the progress from 0 to 1,
   *   and whether it has just been held long enough.
   */
  take(label, now) {
    if (label !== this.label) {
      if (this.label !== null && now - this.seen <= GRACE) return this.state(now, false);
      this.label = label;
      this.since = now;
      this.fired = false;
    }
    this.seen = now;
    if (label === null) return { label: null, progress: 0, done: false };
    const done = !this.fired && now - this.since >= this.seconds * 1000;
    this.fired ||= done;
    return this.state(now, done);
  }

  /**
   * @param {number} now
   * @param {boolean} done
   */
  state(now, done) {
    const progress = this.fired ? (done ? 1 : 0) : Math.min(1, (now - this.since) / (this.seconds * 1000));
    return { label: this.label, progress, done };
  }
}
