import { realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import { readInside } from "../../../lib/files/read-inside.ts";
import { isAtOrBelow } from "../../paths.ts";

/** The folder of the Compose file, as far as it has to be looked at. Paths are relative to it; nothing outside it is seen. */
export interface ComposeProject {
  /** Undefined when it is missing or outside the folder, also by a symbolic link. */
  kind(path: string): "file" | "folder" | undefined;
  /** Undefined when it cannot be read, is outside the folder, or is larger than 1 MiB. */
  read(path: string): Promise<string | undefined>;
}

const largestBytes = 1024 * 1024;

export function projectIn(folder: string): ComposeProject {
  const root = realpathSync(folder);
  return {
    kind(path) {
      try {
        const real = realpathSync(join(root, path));
        if (!isAtOrBelow(real, root)) return undefined;
        return statSync(real).isDirectory() ? "folder" : "file";
      } catch {
        return undefined;
      }
    },
    async read(path) {
      try {
        const bytes = await readInside(root, join(root, path), largestBytes);
        return bytes.length > largestBytes ? undefined : bytes.toString("utf8");
      } catch (error) {
        if (error instanceof KilnError || (error instanceof Error && "code" in error)) return undefined;
        throw error;
      }
    },
  };
}
