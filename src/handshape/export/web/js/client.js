/** The page's recogniser, which is loaded while the page's other modules are. */

import { SignRecogniser } from "./handshape.js";

// `?engine=wasm` or `?engine=webgpu` in the page's address chooses the engine.
const engine = new URLSearchParams(location.search).get("engine");
export const recogniser = new SignRecogniser(new URL("../", import.meta.url), engine);
