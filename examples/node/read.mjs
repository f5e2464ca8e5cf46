// Reads hand signs in photos with an exported handshape recogniser.
//
//   npm ci
//   node read.mjs BUNDLE PHOTO...
//
// BUNDLE is the folder into which `handshape export` wrote model.onnx. Prints a line of JSON for each photo.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { argv, env, exit } from "node:process";
import sharp from "sharp";

env.ORT_DISABLE_TELEMETRY ??= "1"; // ONNX Runtime would report its use to its makers
const { InferenceSession, Tensor } = await import("onnxruntime-node");

const [bundle, ...photos] = argv.slice(2);
if (!photos.length) {
  console.error("usage: node read.mjs BUNDLE PHOTO...");
  exit(2);
}
const { labels, threshold } = JSON.parse(await readFile(join(bundle, "config.json"), "utf8"));
const session = await InferenceSession.create(join(bundle, "model.onnx"));

for (const path of photos) {
  const probabilities = await read(path);
  const best = probabilities.indexOf(Math.max(...probabilities));
  const label = probabilities[best] >= threshold ? labels[best] : "unsure";
  console.log(JSON.stringify({ path, label, probability: probabilities[best], probabilities }));
}

/** Return the probability of each label. The graph takes pixels of any size: it resizes by itself. */
async function read(path) {
  // Upright, on white, in RGB, and with the file's own numbers, as the recogniser saw photos in training.
  const { data, info } = await sharp(path, { ignoreIcc: true })
    .rotate()
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const images = new Tensor("uint8", data, [1, info.height, info.width, info.channels]);
  const { probabilities } = await session.run({ images });
  return Array.from(probabilities.data);
}
