import { createHash } from "node:crypto";
import { type BigIntStats, createReadStream, statSync } from "node:fs";
import { toKilnError } from "../../lib/errors.ts";
import { inodeOf, markOf } from "../../lib/files/file-mark.ts";
import { loopState } from "../../lib/files/loop-device.ts";
import type { ImageFile } from "../../platform/linux/subject.ts";
import type { DetectorParts } from "./detector.ts";

/** Reading an image again must not slow anything down: so many bytes, then a pause. */
const chunkBytes = 1 << 20;
const pauseMs = 250;
/** Between two reads of a file that nothing has touched; each waits between half and one and a half of it. */
const periodMs = 10 * 60_000;

export interface FileCheck extends AsyncDisposable {
  /** Compares what stat(2) says of all image files, and what loop devices serve; files that were touched are read at once. */
  glance(): void;
  /** Something was done to this file. */
  touched(file: string): void;
  /** Reads all image files now. */
  all(signal: AbortSignal): Promise<void>;
}

interface Content {
  readonly sha256: string;
  /** Device and inode. */
  readonly inode: string;
}

interface Known {
  /** What stat(2) said when it was last looked at. */
  readonly mark: string;
  /** What it was then; undefined as long as it was not read: before it was mounted it was found right. */
  readonly content: Content | undefined;
  readonly nextMs: number;
}

export interface FileCheckParts extends DetectorParts {
  /** Called with a file whose immutable flag was removed, and is set again. */
  readonly unprotected: (file: string) => void;
  readonly random?: () => number;
}

/**
 * Compares the files that root file systems are mounted from with their recorded digests: at once when something has
 * touched them, and otherwise slowly, one after the other. A file is read once for all its users, but each is compared
 * with what it was made from: of a file that was made again, older servers may have recorded another digest than newer.
 */
export function startFileCheck(parts: FileCheckParts): FileCheck {
  const { inspector, clock, log, tell, unprotected, random = Math.random } = parts;
  const stop = new AbortController();
  const known = new Map<string, Known>();
  const reading = new Map<string, Promise<void>>();

  const next = () => clock.elapsed() + periodMs * (0.5 + random());

  const usersOf = (file: string) =>
    inspector.subjects().flatMap((subject) => {
      const used = subject.imageFiles.find((each) => each.file === file);
      return used ? [{ subject, used }] : [];
    });

  /** Tells each user of the file that was not made from what it holds now; undefined: it is gone. */
  function judge(file: string, now: Content | undefined): void {
    for (const { subject, used } of usersOf(file)) {
      const detail = complaint(used, now);
      if (detail !== undefined) tell(subject, { kind: "image", subject: file, detail });
    }
  }

  /** A loop device can be given another file under what is mounted from it, and nothing is touched then. */
  function judgeLoops(): void {
    const states = new Map<string, string>();
    for (const subject of inspector.subjects()) {
      for (const { file, served } of subject.imageFiles) {
        if (!served?.loop) continue;
        const { name, state } = served.loop;
        const now = states.get(name) ?? loopState(name);
        states.set(name, now);
        const detail = `the loop device ${name}, which ${file} is mounted through, serves another file`;
        if (now !== state) tell(subject, { kind: "image", subject: file, detail });
      }
    }
  }

  function look(file: string): void {
    const now = statNow(file);
    const before = known.get(file);
    if (now === undefined) judge(file, undefined);
    else if (before === undefined) known.set(file, { mark: markOf(now), content: undefined, nextMs: next() });
    else if (before.mark !== markOf(now)) void read(file, 0, stop.signal);
    else if (before.content !== undefined) judge(file, before.content);
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
    const stat = statNow(file);
    // What cannot be read is not tried again at once either.
    known.set(file, { mark: "", content: undefined, ...known.get(file), nextMs: next() });
    if (stat === undefined) return judge(file, undefined);
    const content = { sha256: await hashOf(file, pause, signal), inode: inodeOf(stat) };
    known.set(file, { mark: markOf(stat), content, nextMs: next() });
    judge(file, content);
    await compareLoops(file, pause, signal);
    if (isMadeFrom(file, content.sha256) && (await inspector.protect?.(file))) unprotected(file);
  }

  /** What the kernel serves need not be what the file holds: the device has a memory of its own. */
  async function compareLoops(file: string, pause: number, signal: AbortSignal): Promise<void> {
    const loops = new Set(usersOf(file).flatMap(({ used }) => used.served?.loop?.name ?? []));
    for (const loop of loops) {
      const sha256 = await hashOf(`/dev/${loop}`, pause, signal);
      for (const { subject, used } of usersOf(file)) {
        if (used.served?.loop?.name !== loop || used.sha256 === sha256) continue;
        const detail = `${loop}, which ${file} is mounted through, does not serve the content of the image`;
        tell(subject, { kind: "image", subject: file, detail });
      }
    }
  }

  async function hashOf(path: string, pause: number, signal: AbortSignal): Promise<string> {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes, signal })) {
      hash.update(chunk as Buffer);
      if (pause > 0) await clock.sleep(pause, signal);
    }
    return `sha256:${hash.digest("hex")}`;
  }

  /** An altered file is not protected: it is about to be made again. */
  const isMadeFrom = (file: string, sha256: string): boolean =>
    inspector
      .subjects()
      .some((s) => s.imageFiles.some((used) => used.file === file && used.sha256 === sha256));

  const files = () => new Set(inspector.subjects().flatMap((s) => s.imageFiles.map(({ file }) => file)));

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
      judgeLoops();
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

function statNow(file: string): BigIntStats | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false });
}

/** The problem of a server that was made from `used`; undefined when there is none. */
function complaint({ file, sha256, served }: ImageFile, now: Content | undefined): string | undefined {
  if (now === undefined) return `${file} is gone`;
  if (now.sha256 !== sha256) return `${file} does not match the image`;
  if (served === undefined || served.inode === now.inode) return undefined;
  return `${file} was replaced: what is mounted is another file, which can no longer be read`;
}
