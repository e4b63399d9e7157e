/** A stored block holds at most so much. */
const mostInBlock = 65_535;

/**
 * The bytes as blocks of DEFLATE that are not compressed (RFC 1951, section 3.2.4): compressors of two versions or processors differ, these are
 * the same everywhere.
 */
export function storedBlocks(bytes: Uint8Array, isEnd: boolean): Buffer {
  const count = Math.max(1, Math.ceil(bytes.length / mostInBlock));
  const parts: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const part = bytes.subarray(i * mostInBlock, (i + 1) * mostInBlock);
    const head = Buffer.alloc(5);
    head[0] = isEnd && i === count - 1 ? 1 : 0;
    head.writeUInt16LE(part.length, 1);
    head.writeUInt16LE(part.length ^ 0xffff, 3);
    parts.push(head, part);
  }
  return Buffer.concat(parts);
}

/** The bytes in the zlib format (RFC 1950). */
export function storedZlib(bytes: Uint8Array): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32BE(adler32(bytes));
  return Buffer.concat([Buffer.from([0x78, 0x01]), storedBlocks(bytes, true), check]);
}

/** So many bytes do not overflow the sums before they are reduced, with room to spare. */
const stride = 3800;

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + stride, bytes.length);
    for (; at < end; at++) {
      a += bytes[at] ?? 0;
      b += a;
    }
    a %= 65_521;
    b %= 65_521;
  }
  return ((b << 16) | a) >>> 0;
}
