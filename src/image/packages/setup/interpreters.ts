import { lookUp } from "../../layers/tree.ts";
import { contentChunks } from "../../store/content.ts";
import type { TarEntry, TarTree } from "../../tar/entry.ts";

/**
 * Programs among `paths` that are scripts for an interpreter the image lacks. Debian packages do not declare that
 * they need what every full system has, such as /bin/sh; a slim image has it only when asked.
 */
export function missingInterpreters(
  tree: TarTree,
  paths: Iterable<string>,
): readonly { readonly path: string; readonly interpreter: string }[] {
  return [...paths].filter(isProgram).flatMap((path) => {
    const entry = tree.get(path);
    const interpreter = entry && interpreterOf(entry);
    return interpreter && !lookUp(tree, interpreter) ? [{ path, interpreter }] : [];
  });
}

function isProgram(path: string): boolean {
  return /^usr\/s?bin\/[^/]+$/.test(path);
}

/** The absolute path after `#!` (execve(2)); for `env` that is env itself. */
function interpreterOf(entry: TarEntry): string | undefined {
  const content = entry.type === "file" ? entry.content : undefined;
  if (!content || (entry.mode & 0o111) === 0) return undefined;
  const head = content.kind === "slice" ? { ...content, length: Math.min(content.length, 256) } : content;
  const [bytes] = contentChunks(head);
  return Buffer.from(bytes ?? [])
    .toString("latin1")
    .match(/^#!\s*(\/\S+)/)?.[1];
}
