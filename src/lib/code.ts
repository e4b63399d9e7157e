import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** What a process runs. Two of the same revision do the same, wherever they lie. */
export interface Code {
  /** From package.json. */
  readonly version: string;
  /** The digest of its sources and its locked dependencies, as hex. */
  readonly revision: string;
  /** The checkout. */
  readonly folder: string;
}

const checkout = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/**
 * The code as it lies on the disk now, which is what a process that is started now runs. Tests are no part of it.
 */
export function readCode(folder = checkout): Code {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  const hash = createHash("sha256");
  for (const file of ["package.json", "package-lock.json", ...sourcesIn(folder)]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(folder, file)))
      .update("\0");
  }
  return { version, revision: hash.digest("hex"), folder };
}

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(join(folder, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.test)\.ts$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
