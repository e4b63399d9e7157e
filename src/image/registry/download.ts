import { createHash, type Hash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { mkdir, open, rename, rm, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { attempts, mayPass, type Registry } from "./registry.ts";
import { type RegistryAnswer, unreachable } from "./transport.ts";

/** What a descriptor says of a blob. */
export interface WantedBlob {
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/** Slower than any line in use: a blob of 100 MiB may take 110 minutes. */
const slowestBytesPerMs = 16;
const leastMs = 600_000;

/**
 * Writes a blob to `path`, which exists only when it is complete. What came before a broken connection, or before this
 * process, is kept in `path.part`, and the download continues there. Never more bytes are taken than the blob has. Throws
 * what the registry's calls throw.
 */
export async function downloadBlob(registry: Registry, wanted: WantedBlob, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const part = `${path}.part`;
  const endsAtMs = registry.clock.elapsed() + leastMs + wanted.size / slowestBytesPerMs;
  for (let attempt = 1; ; attempt++) {
    const before = sizeOf(part);
    try {
      await continueDownload(registry, wanted, part, endsAtMs);
      return await rename(part, path);
    } catch (error) {
      if (sizeOf(part) > before) attempt = 1;
      if (!mayPass(error) || attempt === attempts) throw error;
      await registry.pause(attempt);
    }
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function continueDownload(
  registry: Registry,
  wanted: WantedBlob,
  part: string,
  endsAtMs: number,
): Promise<void> {
  const from = sizeOf(part) < wanted.size ? sizeOf(part) : 0;
  const url = registry.urlOf(`blobs/${wanted.digest}`);
  const headers = from > 0 ? { range: `bytes=${from}-` } : {};
  const answer = await registry.ask({ method: "GET", url, headers }, "pull", [200, 206, 400, 404, 416]);
  if (answer.status === 404) throw registry.unknown(`blob ${wanted.digest}`);
  const continues = answer.status === 206 && startOf(answer) === from;
  if (!continues && answer.status !== 200) {
    // some registries refuse ranges instead of ignoring them (RFC 9110 section 14.2)
    answer.body.destroy();
    await rm(part, { force: true });
    throw cutOff(answer, from === 0 ? `it answers with status ${answer.status}` : "it refuses to continue");
  }
  await append(registry, { wanted, part, from: continues ? from : 0, endsAtMs }, answer);
}

/** RFC 9110 section 14.4: `bytes 100-199/200`. */
function startOf({ headers }: RegistryAnswer): number {
  return Number(/^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1] ?? Number.NaN);
}

interface Rest {
  readonly wanted: WantedBlob;
  readonly part: string;
  readonly from: number;
  readonly endsAtMs: number;
}

async function append(
  registry: Registry,
  { wanted, part, from, endsAtMs }: Rest,
  answer: RegistryAnswer,
): Promise<void> {
  if (from === 0) await rm(part, { force: true });
  const hash = createHash("sha256");
  await hashFile(hash, part, from);
  const file = await open(part, "a", 0o600);
  let length = from;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > wanted.size) throw await spoilt(registry, wanted, part);
      if (registry.clock.elapsed() > endsAtMs) throw tooSlow(registry, wanted);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
  } catch (error) {
    throw error instanceof KilnError ? error : faultOf(registry, answer, error);
  } finally {
    answer.body.destroy();
    await file.close();
  }
  if (length < wanted.size) throw cutOff(answer, `it sends ${length} of ${wanted.size} bytes`);
  if (`sha256:${hash.digest("hex")}` !== wanted.digest) throw await spoilt(registry, wanted, part);
}

/** A write that fails is not the registry's fault. */
function faultOf(registry: Registry, answer: RegistryAnswer, error: unknown): unknown {
  if (registry.signal.aborted)
    return new KilnError("cancelled", "The transfer was cancelled.", { retry: true });
  return (error as { readonly syscall?: string }).syscall === "write"
    ? error
    : unreachable(answer.url, error);
}

async function hashFile(hash: Hash, path: string, length: number): Promise<void> {
  if (length === 0) return;
  await truncate(path, length);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
}

/** Removes what came: the next attempt must begin again. */
async function spoilt(registry: Registry, wanted: WantedBlob, part: string): Promise<KilnError> {
  await rm(part, { force: true });
  return registry.wrongBytes(wanted.digest);
}

function cutOff({ url }: RegistryAnswer, why: string): KilnError {
  return unreachable(url, new Error(why));
}

function tooSlow(registry: Registry, { digest, size }: WantedBlob): KilnError {
  return new KilnError(
    "timed_out",
    `The registry ${registry.reference.host} has not sent the ${size} bytes of ${digest} in time.`,
    {
      hint: "Repeat the command: it continues where it ended.",
    },
  );
}
