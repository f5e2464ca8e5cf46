/** Read a zip archive: a project that was saved before, or photos that somebody packed. */

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;
// A photo is never larger; an archive of a few kilobytes can hold a file that fills the memory.
const LARGEST = 100_000_000;

/** @typedef {{path: string, read: () => Promise<Blob>}} Packed */

/**
 * List the files of an archive; each is read when it is asked for.
 * @param {Blob} archive
 * @returns {Promise<Packed[]>}
 */
export async function unzip(archive) {
  const tail = await view(archive, Math.max(0, archive.size - 65_557), archive.size);
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new Error("is no zip archive, or a damaged one");
  const count = tail.getUint16(end + 10, true);
  const start = tail.getUint32(end + 16, true);
  if (count === 0xffff || start === 0xffffffff) throw new Error("has more than 65,534 files or 4 GB: unpack it, and drop the folder");
  const list = await view(archive, start, start + tail.getUint32(end + 12, true));
  const files = [];
  for (let at = 0, number = 0; number < count; number += 1) {
    if (at + 46 > list.byteLength || list.getUint32(at, true) !== ENTRY) throw new Error("is damaged");
    const [names, extra, comment] = [28, 30, 32].map((offset) => list.getUint16(at + offset, true));
    const path = new TextDecoder().decode(new Uint8Array(list.buffer, list.byteOffset + at + 46, names)).replaceAll("\\", "/");
    const method = list.getUint16(at + 10, true);
    const [size, whole, offset] = [20, 24, 42].map((place) => list.getUint32(at + place, true));
    if (!path.endsWith("/")) files.push({ path, read: () => content(archive, offset, size, method, whole) });
    at += 46 + names + extra + comment;
  }
  return files;
}

/**
 * @param {Blob} archive
 * @param {number} offset Of the file's own head, whose length may differ from that in the list.
 * @param {number} size Bytes in the archive.
 * @param {number} method
 * @param {number} whole Bytes when it is unpacked.
 */
async function content(archive, offset, size, method, whole) {
  if (whole > LARGEST) throw new Error("has more than 100 MB");
  const head = await view(archive, offset, offset + 30);
  const start = offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = archive.slice(start, start + size);
  if (method === STORED) return packed;
  if (method !== DEFLATED) throw new Error("is packed in a way that browsers cannot read");
  let left = whole;
  const bounded = new TransformStream({
    transform(part, controller) {
      left -= part.length;
      if (left < 0) controller.error(new Error("is damaged"));
      else controller.enqueue(part);
    },
  });
  return new Response(packed.stream().pipeThrough(new DecompressionStream("deflate-raw")).pipeThrough(bounded)).blob();
}

/**
 * @param {Blob} blob
 * @param {number} start
 * @param {number} end
 */
async function view(blob, start, end) {
  return new DataView(await blob.slice(start, end).arrayBuffer());
}
