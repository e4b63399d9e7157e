import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { markOf } from "./files/file-mark.ts";

/** The code of a process. Two with the same revision do the same, in whatever folder they are. */
export interface Code {
  /** From package.json. */
  readonly version: string;
  /** The digest of its sources and its locked dependencies, as hex. */
  readonly revision: string;
  /** The checkout. */
  readonly folder: string;
  /** The stat(2) data of all its files just before they were read. Absent in records of an earlier version. */
  readonly stamp?: string;
}

const checkout = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/**
 * The code on the disk now, which a process that is started now runs. Tests are not part of it.
 */
export function readCode(folder = checkout): Code {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  const files = filesOf(folder);
  const stamp = stampOf(folder, files);
  const hash = createHash("sha256");
  for (const file of files) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(folder, file)))
      .update("\0");
  }
  return { version, revision: hash.digest("hex"), folder, stamp };
}

/** Whether this is the code of this checkout, unchanged since: answered without reading any file. */
export function isUntouched({ folder, stamp }: Code, here = checkout): boolean {
  return folder === here && stamp === stampOf(here, filesOf(here));
}

function stampOf(folder: string, files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files)
    hash.update(`${file} ${markOf(statSync(`${folder}/${file}`, { bigint: true }))}\n`);
  return hash.digest("hex");
}

function filesOf(folder: string): readonly string[] {
  return ["package.json", "package-lock.json", ...sourcesIn(folder, "src").sort()];
}

/** Paths within the checkout; built by hand because this is part of every command's start. */
function sourcesIn(folder: string, within: string): string[] {
  return readdirSync(`${folder}/${within}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${within}/${entry.name}`;
    if (entry.isDirectory()) return sourcesIn(folder, path);
    return entry.isFile() && /\.[jt]s$/.test(path) && !path.endsWith(".test.ts") ? [path] : [];
  });
}
