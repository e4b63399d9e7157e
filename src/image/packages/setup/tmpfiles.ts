import { currentPath } from "../layout.ts";
import type { PathRecipe } from "./recipe.ts";

/**
 * The folders that tmpfiles.d(5) lines of type `d`, `D` and `v` ask for, with their owners. Files and clean-up ages
 * have no place in an image; paths with specifiers (`%`) depend on the running machine.
 */
export function tmpfilesFolders(texts: readonly string[]): readonly PathRecipe[] {
  return texts
    .flatMap((text) => text.split("\n"))
    .flatMap((line): readonly PathRecipe[] => {
      const [kind = "", path = "", mode = "-", user = "-", group = "-"] = line.trim().split(/\s+/);
      if (!/^[dDv][!-]?$/.test(kind) || !path.startsWith("/") || path.includes("%")) return [];
      const bits = mode.replace(/^[~:]/, "");
      return [
        {
          kind: "folder",
          path: currentPath(path.slice(1).replace(/\/+$/, "")),
          mode: /^[0-7]+$/.test(bits) ? Number.parseInt(bits, 8) : 0o755,
          owner: `${user === "-" ? "root" : user}:${group === "-" ? "root" : group}`,
        },
      ];
    });
}
