import { renameSync } from "node:fs";
import { exec } from "../../../lib/process/exec.ts";

/** Removes a folder in which servers may have made millions of files: in a process of its own, because all else waits for this one. */
export async function removeTree(path: string): Promise<void> {
  await exec(["rm", "--recursive", "--force", "--one-file-system", path]);
}

/** What has this at the end of its name is not whole: it is on its way here, or on its way out. Swept with the next snapshot. */
export const unfinished = ".new";

/** It is whole or gone for everyone else, also when the removal is cut off. */
export async function removeWhole(path: string): Promise<void> {
  const leaving = `${path}${unfinished}`;
  await removeTree(leaving);
  renameSync(path, leaving);
  await removeTree(leaving);
}
