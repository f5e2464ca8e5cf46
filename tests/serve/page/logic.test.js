// The page's logic without a page: `node --test`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";

const kept = new Map();
globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
globalThis.location = { hostname: "localhost" };
globalThis.document = { createElement: () => ({}), querySelector: () => ({ textContent: "", addEventListener() {} }) };

// A copy with a package.json beside it, for a Node that does not see by itself that these are modules.
const page = process.env.PAGE_JS ?? "../../../src/handshape/serve/page/js/";
const { Confusions } = await import(`${page}confusions.js`);
const { counted, listed, percent } = await import(`${page}dom.js`);
const { guideBox } = await import(`${page}frames.js`);
const { hintFor, movingIn } = await import(`${page}hints.js`);
const { Hold } = await import(`${page}hold.js`);
const { glyph, displayOf, verdict } = await import(`${page}prediction.js`);
const { write } = await import(`${page}spell.js`);
const { isAside, placesOf, summaryOf } = await import(`${page}teach/paths.js`);
const { unzip } = await import(`${page}teach/unzip.js`);
const { costOf } = await import(`${page}threshold.js`);
const { complete, listOf, suggestions, wordsOf } = await import(`${page}words.js`);

beforeEach(() => kept.clear());

/** Feed a hold with one prediction every 100 ms and return the labels that were held long enough. */
function held(hold, labels) {
  return labels.flatMap((label, index) => {
    const { done } = hold.take(label, index * 100);
    return done ? [label] : [];
  });
}

test("a letter counts once it was held for the time", () => {
  assert.deepEqual(held(new Hold(0.5), Array(5).fill("A")), []);
  assert.deepEqual(held(new Hold(0.5), Array(30).fill("A")), ["A"]);
});

test("the same letter counts again only after the hand let go", () => {
  const twice = [...Array(8).fill("A"), ...Array(4).fill(null), ...Array(8).fill("A")];
  assert.deepEqual(held(new Hold(0.5), twice), ["A", "A"]);
});

test("a frame with another prediction does not break a hold", () => {
  assert.deepEqual(held(new Hold(0.5), ["A", "A", "A", "S", "A", "A", "A"]), ["A"]);
});

test("letters that change all the time are never held", () => {
  assert.deepEqual(held(new Hold(0.5), Array.from({ length: 60 }, (_, index) => "ABCD"[Math.floor(index / 4) % 4])), []);
});

test("progress goes from 0 to 1", () => {
  const hold = new Hold(1);
  hold.take("A", 0);
  assert.equal(hold.take("A", 400).progress, 0.4);
  assert.equal(hold.take("A", 1000).progress, 1);
  assert.equal(hold.take(null, 2000).progress, 0);
});

test("letters, words, space and delete are written", () => {
  assert.equal(["C", "A", "B", "space", "hello", "A", "del"].reduce(write, ""), "CAB hello ");
});

test("an unsure prediction names the likely letters, and no hand is shown as such", () => {
  const unsure = { label: "unsure", probability: 0.4, sure: false, top: [["M", 0.4], ["N", 0.35], ["A", 0.1]] };
  assert.equal(verdict(displayOf(unsure)), "Unsure: perhaps M or N");
  assert.equal(glyph(displayOf(unsure)), "?");
  const nothing = { label: "nothing", probability: 0.9, sure: true, top: [["nothing", 0.9], ["A", 0.1]] };
  assert.equal(verdict(displayOf(nothing)), "No hand in the box");
  const sure = { label: "M", probability: 0.9712, sure: true, top: [["M", 0.9712]] };
  assert.equal(verdict(displayOf(sure)), "Probability 97\u202f%");
});

test("nothing short of all is 100 %", () => {
  assert.equal(percent(0.9999), "99\u202f%");
  assert.equal(percent(1), "100\u202f%");
});

test("lists and counts read as people write them", () => {
  assert.equal(listed(["A"]), "A");
  assert.equal(listed(["A", "B", "C"]), "A, B and C");
  assert.equal(counted(1, "photo"), "1 photo");
  assert.equal(counted(1200, "photo"), "1,200 photos");
});

test("confusions are counted, kept, and asked for more often", () => {
  const first = new Confusions();
  for (const [asked, predicted] of [["M", "N"], ["M", "N"], ["A", "A"], ["A", "S"]]) first.add(asked, predicted);
  const again = new Confusions();
  assert.deepEqual(again.pairs()[0], { asked: "M", predicted: "N", times: 2 });
  assert.ok(again.weight("M") > again.weight("B"));
  assert.ok(again.weight("B") < again.weight("S"));
  assert.equal(again.choose(["A"], "A"), "A");
  for (let share = 0; share < 1; share += 0.05) assert.notEqual(again.choose(["A", "M", "B"], "M", () => share), "M");
  again.forget();
  assert.deepEqual(new Confusions().pairs(), []);
});

test("a practice is summed up by letter", () => {
  const practice = new Confusions();
  for (const [asked, predicted] of [["M", "N"], ["A", "A"], ["A", "S"], ["A", "A"]]) practice.add(asked, predicted);
  assert.deepEqual(practice.letters(), [
    { letter: "A", times: 3, correct: 2, confused: ["S"] },
    { letter: "M", times: 1, correct: 0, confused: ["N"] },
  ]);
  practice.forget();
});

test("damaged storage is no reason to fail", () => {
  kept.set("handshape.confusions", "{not json");
  assert.deepEqual(new Confusions().pairs(), []);
});

test("words use only the letters of the recogniser", () => {
  assert.deepEqual(wordsOf(["face", "tea", "be", "bead"], [..."ABCDEFGHI"]), ["FACE", "BEAD"]);
  assert.deepEqual(wordsOf(["face"], ["Q"]), []);
});

test("words are suggested for what is being spelled, and written in its place", () => {
  const words = listOf("house, hotel\nhome HOUSE l’été");
  assert.deepEqual(words, ["house", "hotel", "home", "l’été"]);
  assert.deepEqual(suggestions(words, "MY HO"), ["house", "hotel", "home"]);
  assert.deepEqual(suggestions(words, "MY "), []);
  assert.deepEqual(suggestions(words, "HOUSE"), []);
  assert.equal(complete("MY HO", "house"), "MY HOUSE ");
  assert.equal(complete("my ho", "house"), "my house ");
});

test("a threshold says what it costs on the test photos", () => {
  const curve = { thresholds: [0.9, 0.7, 0.2], coverage: [0.3, 0.6, 1], accuracy: [1, 0.9, 0.8] };
  assert.deepEqual(costOf(curve, 0.7), { coverage: 0.6, accuracy: 0.9 });
  assert.deepEqual(costOf(curve, 0), { coverage: 1, accuracy: 0.8 });
  assert.deepEqual(costOf(curve, 0.95), { coverage: 0, accuracy: null });
  assert.equal(costOf({}, 0.5), null);
  const unsure = { label: "unsure", probability: 0.4, sure: false, top: [["M", 0.4]], right_hand: true };
  assert.equal(displayOf(unsure, 0.3).state, "sure");
  assert.equal(displayOf({ ...unsure, label: "no hand" }, 0.3).state, "nothing");
});

test("letters that move are named", () => {
  assert.equal(movingIn(["A", "J", "Z"]), "J and Z are signed with a movement: only their handshape is recognised.");
  assert.equal(movingIn(["A"]), "");
});

test("hints are for letters only", () => {
  assert.equal(hintFor("a"), "hints/A.webp");
  assert.equal(hintFor("../x"), null);
});

test("the guide box is a centred square", () => {
  assert.deepEqual(guideBox(640, 480), { x: 128, y: 48, side: 384 });
  assert.deepEqual(guideBox(480, 640), { x: 48, y: 128, side: 384 });
});

test("a photo's path says which sign it shows and who signs", () => {
  const nobody = { label: "", signer: "" };
  const anna = { label: "hello", signer: "anna" };
  assert.deepEqual(placesOf(["hello/anna_3.jpg", "wrap/hello/anna_3.jpg"], nobody), [anna, anna]);
  assert.deepEqual(placesOf(["anna/hello/1.jpg", "ben/hello/IMG_1118.jpg"], nobody), [anna, { label: "hello", signer: "ben" }]);
  assert.deepEqual(placesOf(["7/p001_IMG_1118.jpg"], nobody), [{ label: "7", signer: "p001" }]);
  assert.deepEqual(placesOf(["thanks/1.jpg", "thanks/thanks_2.jpg"], { label: "", signer: "Zoë" }), Array(2).fill({ label: "thanks", signer: "Zoë" }));
  assert.deepEqual(placesOf(["our photos/hello/1.jpg"], { label: "", signer: "anna" }), [anna]); // one folder around all
  assert.deepEqual(placesOf(["train/hello/1.jpg", "test/hello/1.jpg"], nobody), Array(2).fill({ label: "hello", signer: "" }));
  assert.deepEqual(placesOf(["IMG_1118.jpg"], anna), [anna]);
});

test("a summary counts photos, signs and people", () => {
  assert.equal(summaryOf([{ label: "a", signer: "b" }]), "1 photo: 1 sign, 1 person");
  assert.equal(summaryOf([{ label: "a", signer: "b" }, { label: "c", signer: "d" }]), "2 photos: 2 signs, 2 people");
});

test("what belongs to the system or to a project is no photo", () => {
  assert.ok(["project.json", "a/.DS_Store", "__MACOSX/a.jpg", "a/Thumbs.db"].every(isAside));
  assert.ok(!isAside("a/project.json") && !isAside("a/b.jpg"));
});

test("an archive gives its files, stored or deflated", async () => {
  const archive = new Blob([readFileSync(process.env.ARCHIVE)]);
  const files = await unzip(archive);
  assert.deepEqual(files.map(({ path }) => path), ["project.json", "hello/anna_1.jpg"]);
  assert.deepEqual(await Promise.all(files.map(async ({ read }) => (await read()).text())), ["{}".repeat(50), "photo"]);
  await assert.rejects(unzip(new Blob(["no archive"])), /no zip archive/);
  await assert.rejects(unzip(archive.slice(40)), /damaged/);
});
