import type { Readable } from "node:stream";

const enough = 4096;

/** Collects how a program's words begin. The rest is read and dropped: what it works on may make it say gigabytes. */
export function firstWords(stream: Readable): () => string {
  let words = "";
  stream.on("data", (chunk: Buffer) => {
    if (words.length < enough) words = (words + chunk).slice(0, enough);
  });
  return () => words.trim();
}
