import { lstatSync, mkdtempSync, symlinkSync } from "node:fs";
import { basename } from "node:path";

/**
 * Makes the state folder if it is missing, with a random name that `home` leads to. All pods have theirs at the same path; names of what an installation
 * has elsewhere follow from the real one, and so are of this installation alone.
 */
export function claimHome(home: string): void {
  if (lstatSync(home, { throwIfNoEntry: false }) !== undefined) return;
  symlinkSync(basename(mkdtempSync(`${home}-`)), home);
}
