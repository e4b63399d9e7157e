import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { toKilnError } from "../lib/errors.ts";
import { markOf } from "../lib/file-mark.ts";
import type { Subject } from "../platform/platform.ts";
import type { DetectorParts, Difference } from "./detector.ts";

/** Reading an image again must be felt by nobody: so many bytes, then a pause. */
const chunkBytes = 1 << 20;
const pauseMs = 250;
/** Between two reads of a file that nothing has touched; each waits between half and one and a half of it. */
const periodMs = 10 * 60_000;

export interface FileCheck extends AsyncDisposable {
  /** Compares what stat(2) says of all image files; those that were touched are read at once. */
  glance(): void;
  /** Something was done to this file. */
  touched(file: string): void;
  /** Reads all image files now. */
  all(signal: AbortSignal): Promise<void>;
}

interface Known {
  /** What stat(2) said when it was last found to be right; undefined when it was found wrong. */
  mark: string | undefined;
  nextMs: number;
}

/**
 * Compares the files that root file systems are mounted from with their recorded digests: at once when something has
 * touched them, and otherwise slowly, one after the other.
 */
export function startFileCheck(parts: DetectorParts & { readonly random?: () => number }): FileCheck {
  const { sight, clock, log, tell, random = Math.random } = parts;
  const stop = new AbortController();
  const known = new Map<string, Known>();
  const reading = new Map<string, Promise<void>>();

  const next = () => clock.elapsed() + periodMs * (0.5 + random());

  function found(file: string, detail: string): void {
    const difference: Difference = { kind: "image", subject: file, detail };
    for (const subject of usersOf(file)) tell(subject, difference);
  }

  const usersOf = (file: string): readonly Subject[] =>
    sight.subjects().filter(({ imageFiles }) => imageFiles.some((used) => used.file === file));

  function look(file: string, sha256: string): void {
    const mark = markNow(file);
    const before = known.get(file);
    if (mark === undefined) found(file, `${file} is gone`);
    else if (before === undefined) known.set(file, { mark, nextMs: next() });
    else if (before.mark !== mark) void read(file, sha256, 0, stop.signal);
  }

  /** One read of a file at a time. */
  function read(file: string, sha256: string, pause: number, signal: AbortSignal): Promise<void> {
    const running = reading.get(file);
    if (running) return running;
    const work = compare(file, sha256, pause, signal)
      .catch((error) => {
        if (!signal.aborted)
          log.warn({ file, error: toKilnError(error).message }, "an image file could not be read");
      })
      .finally(() => reading.delete(file));
    reading.set(file, work);
    return work;
  }

  async function compare(file: string, sha256: string, pause: number, signal: AbortSignal): Promise<void> {
    const mark = markNow(file);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes, signal })) {
      hash.update(chunk as Buffer);
      if (pause > 0) await clock.sleep(pause, signal);
    }
    const right = `sha256:${hash.digest("hex")}` === sha256;
    known.set(file, { mark: right ? mark : undefined, nextMs: next() });
    if (!right) found(file, `${file} is not what the image was made of`);
  }

  const files = () =>
    new Map(sight.subjects().flatMap((s) => s.imageFiles.map((f) => [f.file, f.sha256] as const)));

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const due = [...files()].find(
        ([file]) => (known.get(file)?.nextMs ?? Number.POSITIVE_INFINITY) <= clock.elapsed(),
      );
      if (due) await read(...due, pauseMs, stop.signal);
      else await clock.sleep(1_000, stop.signal).catch(() => {});
    }
  }
  const running = run();

  return {
    glance() {
      const used = files();
      for (const file of known.keys()) if (!used.has(file)) known.delete(file);
      for (const [file, sha256] of used) look(file, sha256);
    },
    touched(file) {
      const sha256 = files().get(file);
      if (sha256 !== undefined) look(file, sha256);
    },
    async all(signal) {
      for (const [file, sha256] of files()) await read(file, sha256, 0, signal);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([running, ...reading.values()]);
    },
  };
}

function markNow(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && markOf(stat);
}
