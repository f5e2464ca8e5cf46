/** The camera: on, off, or the reason why it cannot be used. */

/** @typedef {"off" | "starting" | "on" | "denied" | "missing" | "busy" | "insecure"} CameraState */

/** @type {Record<string, CameraState>} */
const REASONS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

export class Camera extends EventTarget {
  /** @param {HTMLVideoElement} video Shows its picture. */
  constructor(video) {
    super();
    this.video = video;
    /** @type {CameraState} */
    this.state = "off";
    /** @type {MediaStream | null} */
    this.stream = null;
    this.turn = 0;
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.dispatchEvent(new Event("devices")));
  }

  /**
   * Turn the camera on.
   * @param {string} [device] Identifier of a camera; another is taken when it is not there.
   */
  async start(device) {
    if (this.state === "on" || this.state === "starting") return;
    const turn = ++this.turn;
    if (!navigator.mediaDevices?.getUserMedia) return this.become("insecure");
    this.become("starting");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: {
          width: { ideal: 640 },
          height: { ideal: 480 },
          facingMode: "user",
          ...(device ? { deviceId: { ideal: device } } : {}),
        },
      });
      if (turn !== this.turn) return stop(stream); // turned off while the browser was asking
      this.stream = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => turn === this.turn && this.lose());
      this.video.srcObject = stream;
      await this.video.play();
      if (turn === this.turn) this.become("on");
    } catch (error) {
      if (turn !== this.turn) return;
      this.release();
      this.become(REASONS[/** @type {Error} */ (error).name] ?? "busy");
    }
  }

  /** Turn the camera off. */
  stop() {
    this.turn += 1;
    this.release();
    this.become("off");
  }

  /** @returns {Promise<MediaDeviceInfo[]>} The connected cameras. */
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return all.filter((device) => device.kind === "videoinput");
  }

  lose() {
    this.release();
    this.become("missing");
  }

  release() {
    if (this.stream) stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }

  /** @param {CameraState} state */
  become(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
