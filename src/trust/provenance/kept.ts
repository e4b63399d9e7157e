import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { MadeImage } from "../../image/build-options.ts";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { provenanceOf } from "./predicate.ts";

/**
 * Keeps how an image was built, for when it is signed. It lies in the cache and not with the image: what is attached to an image may come from
 * a registry, and must not be signed as if this machine had seen it.
 */
export async function keepProvenance(state: StateFolder, made: MadeImage): Promise<void> {
  const path = pathOf(state, made.digest);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, JSON.stringify(provenanceOf(made)), { durable: false });
}

/** The predicate that was kept. Throws `provenance_unknown`. */
export async function readProvenance(state: StateFolder, digest: string): Promise<object> {
  const text = await readTextIfExists(pathOf(state, digest));
  try {
    if (text !== undefined) return JSON.parse(text) as object;
  } catch {
    // cut short by a crash: the same as none
  }
  throw new KilnError("provenance_unknown", `How ${digest} was built is not recorded here.`, {
    hint: "Sign the image in the state folder that has built it, or without --provenance.",
  });
}

function pathOf({ cache }: StateFolder, digest: string): string {
  return join(cache, "provenance", `${digest.replace("sha256:", "")}.json`);
}
