import { posix } from "node:path";
import type { MapEntry, MapTree } from "../../yaml/tree.ts";
import type { Notes } from "../notes.ts";
import { type SecretItem, secretName } from "../project/environment.ts";
import type { CopyItem, StorageParts } from "./storage.ts";

/** `secrets` of a service: files in memory. Their values are not read. */
export function secretsOf(
  service: ReadonlyMap<string, MapEntry>,
  key: string,
  root: MapTree,
  notes: Notes,
): readonly SecretItem[] {
  const all = notes.entries(root.entries.get("secrets")?.value);
  return notes.items(service.get("secrets")?.value).map((item) => {
    const entries = item.kind === "map" ? item.entries : undefined;
    const source = notes.text(entries ? entries.get("source")?.value : item, "the name of a secret") ?? "";
    const target = notes.text(entries?.get("target")?.value) ?? source;
    const path = target.startsWith("/") ? target : `/run/secrets/${target}`;
    const name = secretName(source);
    const file = notes.text(notes.entries(all.get(source)?.value).get("file")?.value);
    const set = `kiln secret set ${name} ${key}`;
    notes.remark(
      item,
      `The secret ${source} becomes ${name}, as the file ${path}.`,
      file === undefined
        ? `Set it before the deploy: \`${set}\` reads the value from its input.`
        : `Set it before the deploy: \`${set} < ${file}\`.`,
    );
    return { name, ...(path === `/run/secrets/${name}` ? {} : { path }) };
  });
}

/** `configs` of a service, where they are files of the project. */
export function configsOf(
  service: ReadonlyMap<string, MapEntry>,
  root: MapTree,
  { folder, notes }: StorageParts,
): readonly CopyItem[] {
  const all = notes.entries(root.entries.get("configs")?.value);
  return notes.items(service.get("configs")?.value).flatMap((item) => {
    const entries = item.kind === "map" ? item.entries : undefined;
    const source = notes.text(entries ? entries.get("source")?.value : item, "the name of a config") ?? "";
    const to = notes.text(entries?.get("target")?.value) ?? `/${source}`;
    const file = notes.text(notes.entries(all.get(source)?.value).get("file")?.value);
    const from = file === undefined ? ".." : posix.relative(folder, posix.normalize(file));
    if (!from.startsWith("..") && !file?.startsWith("/")) return [{ from: `./${from}`, to }];
    notes.remark(
      item,
      `The config ${source} is not a file in the folder of kiln.yaml: it is left out.`,
      "Write it to a file there, and name it in `servers.files`.",
    );
    return [];
  });
}
