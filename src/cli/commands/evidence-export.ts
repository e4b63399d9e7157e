import { resolve } from "node:path";
import type { Client } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { isStdout, type OutputFileOptions, writeOutputFile } from "../output/output-file.ts";
import { formatBytes } from "../output/units.ts";

/** The file is readable only by its owner: the memory of a server may contain private data. */
export async function run(context: Context, options: OutputFileOptions, server: string): Outcome {
  const { output = `${server}.tar`, force } = options;
  const client = await context.connect();
  if (isStdout(output)) {
    for await (const piece of piecesOf(context, client, server)) context.output.raw(piece);
    return 0;
  }
  const path = resolve(context.cwd, output);
  const bytes = await writeOutputFile(path, { force, mode: 0o600 }, async (write) => {
    let written = 0;
    for await (const piece of piecesOf(context, client, server)) {
      await write(piece);
      written += piece.length;
    }
    return written;
  });
  context.output.result({ server, path, bytes }, [
    `${path} holds the evidence of ${server} (${formatBytes(bytes)}).`,
  ]);
  return 0;
}

async function* piecesOf({ signal }: Context, client: Client, server: string): AsyncGenerator<Buffer> {
  for await (const { data } of client.exportEvidence({ server }, { signal }))
    yield Buffer.from(data, "base64");
}
