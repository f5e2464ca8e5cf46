/** The stream to the server: one frame out, its answer in, then the newest frame; it reconnects by itself. */

// A frame every this many milliseconds at most, and one more when an answer is overdue.
const BETWEEN = 66;
const OVERDUE = 3000;
const FIRST_WAIT = 400;
const LONGEST_WAIT = 5000;

export class Stream extends EventTarget {
  /**
   * @param {() => Promise<Blob | null>} take Takes the newest frame.
   * @param {(answer: import("./types.js").Answer) => void} show Gets each answer.
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
    // A tab in the background gets slow timers; coming back must not mean waiting for one of them.
    document.addEventListener("visibilitychange", () => document.hidden || (this.wanted && this.open()));
  }

  /** Begin to send frames. */
  start() {
    this.wanted = true;
    this.open();
  }

  /** Stop sending frames; answers that are still on their way are ignored. */
  stop() {
    this.wanted = false;
    clearTimeout(this.retry);
    this.drop();
  }

  /**
   * Tell the recogniser whether the frames are mirror images of what it learnt.
   * @param {boolean} mirrored
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
    socket.onmessage = (event) => this.hear(socket, event.data);
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
    const frame = await this.take();
    if (socket !== this.socket || socket?.readyState !== WebSocket.OPEN) return;
    if (frame) {
      this.sent = performance.now();
      socket.send(frame);
    }
    this.next = setTimeout(() => this.send(), frame ? OVERDUE : 4 * BETWEEN);
  }

  /**
   * @param {WebSocket} socket
   * @param {string} data
   */
  hear(socket, data) {
    if (socket !== this.socket) return;
    const answer = JSON.parse(data);
    if (answer.top) this.show(answer);
    else this.dispatchEvent(new CustomEvent("refused", { detail: answer }));
    clearTimeout(this.next);
    // After a refusal there is no hurry.
    const pause = answer.top ? Math.max(0, BETWEEN - (performance.now() - this.sent)) : 1000;
    this.next = setTimeout(() => this.send(), pause);
  }
}
