import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { askConsent } from "../../input/ask-consent.ts";
import { isStdout, type OutputFileOptions, writeOutputFile } from "../../output/output-file.ts";
import { formatBytes } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";

interface ExportOptions extends ServiceOptions, OutputFileOptions {
  readonly snapshot?: string;
}

/** The file is readable only by its owner, as the volume is. */
export async function exportVolume(
  context: Context,
  options: ExportOptions,
  name: string,
  service?: string,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const { output = `${key}-${name}.tar`, force, snapshot } = options;
  const pieces = () => client.exportVolume({ service: key, name, snapshot }, { signal: context.signal });
  if (isStdout(output)) {
    for await (const { data } of pieces()) context.output.raw(Buffer.from(data, "base64"));
    return 0;
  }
  const path = resolve(context.cwd, output);
  const bytes = await writeOutputFile(path, { force, mode: 0o600 }, async (write) => {
    let written = 0;
    for await (const { data } of pieces()) {
      const piece = Buffer.from(data, "base64");
      await write(piece);
      written += piece.length;
    }
    return written;
  });
  context.output.result({ service: key, name, path, bytes }, [
    `${path} has the data of ${name} of ${key} (${formatBytes(bytes)}).`,
  ]);
  return 0;
}

interface ImportOptions extends ServiceOptions {
  readonly yes?: boolean;
  readonly reason?: string;
}

export async function importVolume(
  context: Context,
  options: ImportOptions,
  name: string,
  file: string,
  service?: string,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const archive = file === "-" ? context.stdin() : await openArchive(resolve(context.cwd, file));
  if (!options.yes) {
    const what = `replaces the data of the volume ${name} of ${key} with ${file}`;
    const question = `Replace the data of ${name} of ${key}?`;
    await askConsent(context, { what, question, refused: "Nothing was changed." });
  }
  const client = await context.connect();
  const bytes = await send(client, { service: key, name, reason: options.reason }, archive);
  context.output.result({ service: key, name, bytes }, [
    `${name} of ${key} has the content of ${file} (${formatBytes(bytes)}).`,
    "  What was there before is the newest snapshot: `kiln volume show` lists it.",
  ]);
  return 0;
}

/** A request has at most 2 MiB, a third more than this as base64. */
const pieceBytes = 1024 * 1024;

async function openArchive(path: string): Promise<AsyncIterable<string | Uint8Array>> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return createReadStream(path, { highWaterMark: pieceBytes });
  throw new KilnError("usage", `${path} is not a file; expected a tar archive.`, {
    hint: "`kiln volume export` writes one.",
  });
}

interface Target {
  readonly service: ServiceKey;
  readonly name: string;
  readonly reason: string | undefined;
}

/** Returns how many bytes it was. */
async function send(
  client: Client,
  target: Target,
  archive: AsyncIterable<string | Uint8Array>,
): Promise<number> {
  let upload: string | undefined;
  let bytes = 0;
  for await (const chunk of archive) {
    const read = Buffer.from(chunk);
    for (let at = 0; at < read.length; at += pieceBytes) {
      const piece = read.subarray(at, at + pieceBytes);
      const answer = await client.importVolume({ ...target, upload, data: piece.toString("base64") });
      upload = answer.upload;
      bytes += piece.length;
    }
  }
  await client.importVolume({ ...target, upload, data: "", last: true });
  return bytes;
}
