import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../../../lib/files/temporary.ts";

/** An empty file in that folder for what is said in a session: its absolute path. */
export function newTranscript(folder: string, session: number): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `session-${session}.cast`);
  writeFileSync(path, "", { mode: 0o600 });
  return path;
}

/** Absolute paths of what the sessions in a server have left in its folder. */
export function transcriptsIn(folder: string): readonly string[] {
  const names = namesIn(folder).filter((name) => /^session-\d+\.cast$/.test(name));
  return names.map((name) => join(folder, name));
}
