import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { Context, Outcome } from "../context.ts";
import { formatBytes } from "../output/units.ts";

/** Into a file for its owner alone: what a server held in memory may be private. */
export async function run(context: Context, options: { readonly output?: string }, server: string): Outcome {
  const client = await context.connect();
  const pieces = client.exportEvidence(server, context.signal)[Symbol.asyncIterator]();
  const first = await pieces.next(); // nothing is written where there is no evidence
  const path = resolve(context.cwd, options.output ?? `${server}.tar`);
  const file = await open(path, "w", 0o600);
  let bytes = 0;
  try {
    for (let next = first; !next.done; next = await pieces.next()) {
      const piece = Buffer.from(next.value.data, "base64");
      await file.writeFile(piece);
      bytes += piece.length;
    }
  } finally {
    await file.close();
  }
  context.output.result({ server, path, bytes }, [
    `${path} holds the evidence of ${server} (${formatBytes(bytes)}).`,
  ]);
  return 0;
}
