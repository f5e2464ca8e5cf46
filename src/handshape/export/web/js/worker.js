/** The model, in a thread of its own so that the page never waits for it. */

import * as ort from "../runtime/ort.wasm.bundle.min.mjs";
import { decode } from "./pixels.js";

// One thread: several would need headers that a plain static server does not send.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL("../runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href };

const session = ort.InferenceSession.create(new URL("../model.onnx", import.meta.url).href, {
  executionProviders: ["wasm"],
});
session.then(
  () => postMessage({ ready: true }),
  (error) => postMessage({ ready: false, message: String(error?.message ?? error) }),
);

onmessage = async ({ data: { id, photo, mirrored } }) => {
  try {
    const { data, height, width } = await decode(photo, mirrored);
    const images = new ort.Tensor("uint8", data, [1, height, width, 3]);
    const { probabilities } = await (await session).run({ images });
    postMessage({ id, probabilities: Array.from(probabilities.data) });
    probabilities.dispose();
  } catch (error) {
    postMessage({ id, message: String(error?.message ?? error) });
  }
};
