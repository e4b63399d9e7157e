import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type { TarEntry } from "../../../image/tar/entry.ts";
import { tarParts } from "../../../image/tar/tar-writer.ts";
import type { Context, Outcome } from "../../context.ts";
import { type DebugPart, debugParts } from "../../debug/parts.ts";
import { isStdout, type OutputFileOptions, writeOutputFile } from "../../output/output-file.ts";
import { formatBytes } from "../../output/units.ts";

/** Works without a controller, and starts none. The file is readable by its owner alone: names and addresses are in it. */
export async function bundle(
  context: Context,
  { output = "kiln-debug.tar.gz", force }: OutputFileOptions,
): Outcome {
  const parts = await debugParts(context);
  const archive = archiveOf([readme(parts), ...parts], context.clock.now());
  if (isStdout(output)) {
    context.output.raw(archive);
    return 0;
  }
  const path = resolve(context.cwd, output);
  await writeOutputFile(path, { force, mode: 0o600 }, (write) => write(archive));
  const said = parts.map(({ path, about }) => `  ${path}: ${about}`);
  context.output.result(
    { path, bytes: archive.length, parts: parts.map(({ path, about }) => ({ path, about })) },
    [
      `${path} holds (${formatBytes(archive.length)}):`,
      ...said,
      "Secrets, keys and values of environment variables are not in it. Names of services, hosts and users are: look through it before others get it.",
    ],
  );
  return 0;
}

function readme(parts: readonly DebugPart[]): DebugPart {
  const lines = parts.map(({ path, about }) => `${path}: ${about}\n`).join("");
  const text = `Made by \`kiln debug bundle\`.

${lines}
Left out: secrets, keys, tokens, values of environment variables, command lines, the output of servers, images, volumes and evidence. What looks like a
secret in the rest is replaced by "(left out)".
`;
  return { path: "README", about: "this list", text };
}

function archiveOf(parts: readonly DebugPart[], nowMs: number): Buffer {
  const entries = parts.map(({ path, text }): [string, TarEntry] => {
    const inFolder = `kiln-debug/${path}`;
    const content = { kind: "bytes", bytes: Buffer.from(text) } as const;
    const mtime = Math.floor(nowMs / 1000);
    return [inFolder, { path: inFolder, type: "file", mode: 0o600, uid: 0, gid: 0, mtime, content }];
  });
  const pieces = [...tarParts(new Map(entries))].map(({ content }) =>
    content.kind === "bytes" ? content.bytes : new Uint8Array(),
  );
  return gzipSync(Buffer.concat(pieces));
}
