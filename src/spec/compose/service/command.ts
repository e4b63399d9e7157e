import type { MapEntry, YamlTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import { wordsOf } from "../units.ts";
import type { KnownImage } from "./known-images.ts";

/** `image.command`: entrypoint and command are one list there. Undefined: the image's own. */
export function commandOf(
  service: ReadonlyMap<string, MapEntry>,
  image: KnownImage,
  notes: Notes,
): readonly string[] | undefined {
  const entrypoint = service.get("entrypoint")?.value;
  const command = service.get("command")?.value;
  const program = entrypoint && argvOf(entrypoint, notes);
  const words = command && argvOf(command, notes);
  if (program?.length) return [...program, ...(words ?? [])];
  if (command === undefined || !words?.length) return undefined;
  if (image.entrypoint !== undefined) return [image.entrypoint, ...words];
  if (entrypoint === undefined)
    notes.remark(
      command,
      "`command` is taken as the whole command: an ENTRYPOINT of the image is not run before it.",
      "If the image has one (`docker inspect` shows it), put it first in `image.command`.",
    );
  return words;
}

export function argvOf(tree: YamlTree, notes: Notes): readonly string[] {
  if (tree.kind === "list") return tree.items.map((item) => notes.text(item) ?? "");
  return wordsOf(notes.text(tree, "a text, or a list of texts") ?? "");
}
