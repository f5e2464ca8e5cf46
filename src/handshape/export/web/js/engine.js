/** The engine: ONNX Runtime in this browser, by WebGPU where that can be, else by WebAssembly. */

/**
 * @typedef {object} Kind What runs the graphs.
 * @property {"webgpu" | "wasm"} provider
 * @property {number} threads Of WebAssembly.
 */

// More threads than this gain nothing for networks this small.
const MOST_THREADS = 4;
// The builds of onnxruntime-web, each with its WebAssembly. That with WebGPU suspends WebAssembly by JSPI, which
// browsers with WebGPU have or get; the build for those without it is 10 MB larger.
const BUILDS = {
  webgpu: { script: "ort.jspi.bundle.min.mjs", binary: "ort-wasm-simd-threaded.jspi.wasm" },
  wasm: { script: "ort.wasm.bundle.min.mjs", binary: "ort-wasm-simd-threaded.wasm" },
};

export class Engine {
  /**
   * @param {any} ort The runtime.
   * @param {Kind} kind
   */
  constructor(ort, kind) {
    this.ort = ort;
    this.kind = kind;
  }

  /**
   * Start the best engine that this browser has.
   * @param {string | null} [wanted] `wasm` or `webgpu` for one of them only.
   */
  static async start(wanted = null) {
    if (wanted === "webgpu" || (wanted === null && (await hasGpu()))) {
      return new Engine(await load("webgpu"), { provider: "webgpu", threads: 1 });
    }
    // Threads need memory that is shared, which browsers give to pages with two headers only; the page, the camera
    // and other programs keep half of the cores.
    const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, Math.ceil(navigator.hardwareConcurrency / 2)) : 1;
    return new Engine(await load("wasm", threads), { provider: "wasm", threads });
  }

  /**
   * Open a graph.
   * @param {Uint8Array} model
   * @returns {Promise<import("./recogniser.js").Graph>}
   */
  async open(model) {
    const { provider } = this.kind;
    const providers = provider === "wasm" ? ["wasm"] : [provider, "wasm"]; // the second for what the first has not
    const session = await this.ort.InferenceSession.create(model, { executionProviders: providers, logSeverityLevel: 3 });
    return async (inputs) => {
      const tensors = Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new this.ort.Tensor(type, data, dims)]);
      return session.run(Object.fromEntries(tensors));
    };
  }
}

/**
 * @returns {Promise<boolean>} Whether there is JSPI, and a graphics processor, not one in software, with half
 *   precision: features are rounded to it.
 */
async function hasGpu() {
  const { gpu } = /** @type {any} */ (navigator);
  if (!gpu || !("Suspending" in WebAssembly)) return false;
  const adapter = await gpu.requestAdapter().catch(() => null);
  return Boolean(adapter?.features.has("shader-f16")) && !adapter.info?.isFallbackAdapter;
}

/**
 * @param {"webgpu" | "wasm"} build
 * @param {number} [threads]
 */
async function load(build, threads = 1) {
  const { script, binary } = BUILDS[build];
  const at = (/** @type {string} */ name) => new URL(`../runtime/${name}`, import.meta.url).href;
  const ort = await import(at(script));
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = { wasm: at(binary) };
  return ort;
}
