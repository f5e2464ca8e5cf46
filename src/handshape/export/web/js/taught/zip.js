/** Writes zip archives, without compression: photos are compressed already. */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const UTF8 = 0x0800;
// 1 January 1980: the same photos make the same file.
const DATE = 0x0021;
// Larger archives need another format.
const MOST_ENTRIES = 0xffff;
const MOST_BYTES = 0xffffffff;

/**
 * Write an archive.
 * @param {{name: string, content: Blob}[]} files
 * @returns {Promise<Blob>}
 */
export async function writeZip(files) {
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const directory = [];
  let offset = 0;
  for (const { name, content } of files) {
    const named = new TextEncoder().encode(name);
    const sum = crc(new Uint8Array(await content.arrayBuffer()));
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, LOCAL, true);
    describe(local, 4, sum, content.size, named.length);
    const central = new DataView(new ArrayBuffer(46));
    central.setUint32(0, CENTRAL, true);
    central.setUint16(4, 20, true);
    describe(central, 6, sum, content.size, named.length);
    central.setUint32(42, offset, true);
    parts.push(local.buffer, named, content);
    directory.push(new Uint8Array(central.buffer), named);
    offset += 30 + named.length + content.size;
  }
  const size = directory.reduce((total, { length }) => total + length, 0);
  if (files.length > MOST_ENTRIES || offset + size > MOST_BYTES) throw new Error("The photos are more than a zip file holds, which is 4 GB.");
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, END, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, end.buffer], { type: "application/zip" });
}

/**
 * Write what both headers of a file have in common.
 * @param {DataView} header
 * @param {number} at
 * @param {number} sum
 * @param {number} size
 * @param {number} name Its length.
 */
function describe(header, at, sum, size, name) {
  header.setUint16(at, 20, true);
  header.setUint16(at + 2, UTF8, true);
  header.setUint16(at + 8, DATE, true);
  header.setUint32(at + 10, sum, true);
  header.setUint32(at + 14, size, true);
  header.setUint32(at + 18, size, true);
  header.setUint16(at + 22, name, true);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit += 1) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte >>> 0;
});

/** @param {Uint8Array} bytes Returns their CRC-32. */
function crc(bytes) {
  let sum = 0xffffffff;
  for (let index = 0; index < bytes.length; index += 1) sum = (sum >>> 8) ^ TABLE[(sum ^ bytes[index]) & 255];
  return (sum ^ 0xffffffff) >>> 0;
}
