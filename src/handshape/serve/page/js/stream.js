/** The stream to the server: sends a frame, waits for its prediction, sends the newest frame; reconnects by itself. */

import { encode } from "./frames.js";

// Milliseconds between two frames at least (25 a second: a camera gives 30), between two attempts while there is
// none, and after which a missing answer is no longer waited for.
const BETWEEN = 40;
const LOOK = 100;
const OVERDUE = 3000;
const FIRST_WAIT = 400;
const LONGEST_WAIT = 5000;

export class Stream extends EventTarget {
  /**
   * @param {() => HTMLCanvasElement | null} take Takes the newest frame.
   * @param {(prediction: import("./types.js").Prediction) => void} show Gets each prediction.
   */
  constructor(take, show) {
    super();
    this.take = take;
    this.show = show;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.wanted = false;
    this.connected = false;
    this.mirrored = false;
    this.wait = FIRST_WAIT;
    this.sent = 0;
    this.next = 0; // timer of the next frame
    this.retry = 0; // timer of the next attempt to connect
    // Timers are slow in a background tab; reconnect at once when it comes back.
    document.addEventListener("visibilitychange", () => document.hidden || (this.wanted && this.open()));
  }

  /** Begin to send frames. */
  start() {
    this.wanted = true;
    this.open();
  }

  /** Stop sending frames; answers under way are ignored. */
  stop() {
    this.wanted = false;
    clearTimeout(this.retry);
    this.drop();
  }

  /**
   * @param {boolean} mirrored Whether the frames are mirror images, to be flipped by the server.
   */
  mirror(mirrored) {
    this.mirrored = mirrored;
    if (this.connected) this.socket?.send(JSON.stringify({ mirrored }));
  }

  open() {
    if (this.socket) return;
    clearTimeout(this.retry);
    const socket = new WebSocket(new URL("v1/stream", document.baseURI).href.replace(/^http/, "ws"));
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.connected = true;
      this.wait = FIRST_WAIT;
      socket.send(JSON.stringify({ mirrored: this.mirrored }));
      this.dispatchEvent(new Event("change"));
      this.send();
    };
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = () => socket === this.socket && this.lost();
  }

  lost() {
    this.drop();
    if (!this.wanted) return;
    this.retry = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(this.wait * 1.6, LONGEST_WAIT);
  }

  drop() {
    clearTimeout(this.next);
    const before = this.socket;
    this.socket = null;
    this.connected = false;
    before?.close();
    this.dispatchEvent(new Event("change"));
  }

  async send() {
    clearTimeout(this.next);
    const socket = this.socket;
    const start = performance.now();
    const frame = await encode(this.take());
    if (socket !== this.socket || socket?.readyState !== WebSocket.OPEN) return;
    if (frame) {
      this.sent = start;
      socket.send(frame);
    }
    this.next = setTimeout(() => this.send(), frame ? OVERDUE : LOOK);
  }

  /**
   * @param {WebSocket} socket
   * @param {string} data
   */
  receive(socket, data) {
    if (socket !== this.socket) return;
    const answer = JSON.parse(data);
    if (answer.top) this.show(answer);
    else this.dispatchEvent(new CustomEvent("refused", { detail: answer }));
    clearTimeout(this.next);
    // After an error wait longer.
    const pause = answer.top ? Math.max(0, BETWEEN - (performance.now() - this.sent)) : 1000;
    this.next = setTimeout(() => this.send(), pause);
  }
}
