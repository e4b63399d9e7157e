import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { toKilnError } from "../lib/errors.ts";
import { markOf } from "../lib/file-mark.ts";
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
  /** What stat(2) said when it was last looked at. */
  readonly mark: string;
  /** What it held then; undefined as long as it was not read: before it was mounted it was found right. */
  readonly sha256: string | undefined;
  readonly nextMs: number;
}

export interface FileCheckParts extends DetectorParts {
  /** Called with a file that somebody had made changeable, and that is protected again. */
  readonly unprotected: (file: string) => void;
  readonly random?: () => number;
}

/**
 * Compares the files that root file systems are mounted from with their recorded digests: at once when something has
 * touched them, and otherwise slowly, one after the other. A file is read once for all its users, but each is compared
 * with what it was made from: of a file that was made again, older servers may have recorded another digest than newer.
 */
export function startFileCheck(parts: FileCheckParts): FileCheck {
  const { sight, clock, log, tell, unprotected, random = Math.random } = parts;
  const stop = new AbortController();
  const known = new Map<string, Known>();
  const reading = new Map<string, Promise<void>>();

  const next = () => clock.elapsed() + periodMs * (0.5 + random());

  /** Tells each user of the file that was not made from what it holds now; undefined: it is gone. */
  function judge(file: string, sha256: string | undefined): void {
    const detail = sha256 === undefined ? `${file} is gone` : `${file} is not what the image was made of`;
    const difference: Difference = { kind: "image", subject: file, detail };
    for (const subject of sight.subjects()) {
      const differs = subject.imageFiles.some((used) => used.file === file && used.sha256 !== sha256);
      if (differs) tell(subject, difference);
    }
  }

  function look(file: string): void {
    const mark = markNow(file);
    const before = known.get(file);
    if (mark === undefined) judge(file, undefined);
    else if (before === undefined) known.set(file, { mark, sha256: undefined, nextMs: next() });
    else if (before.mark !== mark) void read(file, 0, stop.signal);
    else if (before.sha256 !== undefined) judge(file, before.sha256);
  }

  /** One read of a file at a time. */
  function read(file: string, pause: number, signal: AbortSignal): Promise<void> {
    const running = reading.get(file);
    if (running) return running;
    const work = compare(file, pause, signal)
      .catch((error) => {
        if (!signal.aborted)
          log.warn({ file, error: toKilnError(error).message }, "an image file could not be read");
      })
      .finally(() => reading.delete(file));
    reading.set(file, work);
    return work;
  }

  async function compare(file: string, pause: number, signal: AbortSignal): Promise<void> {
    const mark = markNow(file);
    // What cannot be read is not tried again at once either.
    known.set(file, { mark: "", sha256: undefined, ...known.get(file), nextMs: next() });
    if (mark === undefined) return judge(file, undefined);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes, signal })) {
      hash.update(chunk as Buffer);
      if (pause > 0) await clock.sleep(pause, signal);
    }
    const sha256 = `sha256:${hash.digest("hex")}`;
    known.set(file, { mark, sha256, nextMs: next() });
    judge(file, sha256);
    if (isMadeFrom(file, sha256) && (await sight.protect?.(file))) unprotected(file);
  }

  /** An altered file is not protected: it is about to be made again. */
  const isMadeFrom = (file: string, sha256: string): boolean =>
    sight.subjects().some((s) => s.imageFiles.some((used) => used.file === file && used.sha256 === sha256));

  const files = () => new Set(sight.subjects().flatMap((s) => s.imageFiles.map(({ file }) => file)));

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const due = [...files()].find(
        (file) => (known.get(file)?.nextMs ?? Number.POSITIVE_INFINITY) <= clock.elapsed(),
      );
      if (due !== undefined) await read(due, pauseMs, stop.signal);
      else await clock.sleep(1_000, stop.signal).catch(() => {});
    }
  }
  const running = run();

  return {
    glance() {
      const used = files();
      for (const file of known.keys()) if (!used.has(file)) known.delete(file);
      for (const file of used) look(file);
    },
    touched(file) {
      if (files().has(file)) look(file);
    },
    async all(signal) {
      for (const file of files()) await read(file, 0, signal);
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
