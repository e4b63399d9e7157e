import type { Readable } from "node:stream";
import type { LogLine } from "../../contract/reading.ts";

/** One write of a container: Engine API, "Stream format" of `POST /containers/{id}/attach`. */
export interface Frame {
  readonly stream: LogLine["stream"];
  readonly bytes: Buffer;
}

const headerBytes = 8;
const stderr = 2;

/** The header: which stream (1 byte), three zeros, the length (4 bytes, big-endian). */
export async function* frames(answer: Readable): AsyncGenerator<Frame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of answer) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    for (;;) {
      const length = rest.length < headerBytes ? undefined : rest.readUInt32BE(4);
      if (length === undefined || rest.length < headerBytes + length) break;
      const bytes = rest.subarray(headerBytes, headerBytes + length);
      yield { stream: rest[0] === stderr ? "stderr" : "stdout", bytes };
      rest = rest.subarray(headerBytes + length);
    }
  }
}
