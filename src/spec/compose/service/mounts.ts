import type { MapEntry, YamlTree } from "../../yaml/tree.ts";
import { normalisedPath } from "../../yaml/values.ts";
import type { Notes } from "../notes.ts";

/** One of `volumes` or `tmpfs`. */
export interface Mount {
  readonly at: YamlTree;
  readonly type: "volume" | "bind" | "tmpfs";
  /** The name of a volume, or a path; undefined for a volume without a name, and for memory. */
  readonly source: string | undefined;
  /** Absolute, in its shortest form. */
  readonly target: string;
  readonly readOnly: boolean;
}

export function mountsOf(service: ReadonlyMap<string, MapEntry>, notes: Notes): readonly Mount[] {
  const volumes = notes.items(service.get("volumes")?.value).flatMap((item) => mountOf(item, notes));
  const tmpfs = notes.texts(service.get("tmpfs")?.value).flatMap((item) => tmpfsOf(item, notes));
  return [...volumes, ...tmpfs];
}

interface Written extends Omit<Mount, "type"> {
  readonly type: string;
}

function mountOf(item: YamlTree, notes: Notes): readonly Mount[] {
  return item.kind === "map" ? longMount(item, notes) : shortMount(item, notes);
}

function longMount(item: YamlTree, notes: Notes): readonly Mount[] {
  const entries = notes.entries(item);
  const text = (key: string) => notes.text(entries.get(key)?.value);
  const {
    type = "volume",
    source,
    target = "",
  } = { type: text("type"), source: text("source"), target: text("target") };
  const readOnly = notes.isTrue(entries.get("read_only")?.value);
  return mounted({ at: item, type, source, target, readOnly }, notes);
}

/** `[SOURCE:]TARGET[:OPTIONS]`; a source with a slash or a dot first is a path. */
function shortMount(item: YamlTree, notes: Notes): readonly Mount[] {
  const parts = (notes.text(item, "a volume, such as data:/var/lib/data") ?? "").split(":");
  const [first = "", second, options = ""] = parts;
  if (second === undefined)
    return mounted({ at: item, type: "volume", source: undefined, target: first, readOnly: false }, notes);
  const type = /^[./~]/.test(first) ? "bind" : "volume";
  return mounted(
    { at: item, type, source: first, target: second, readOnly: options.split(",").includes("ro") },
    notes,
  );
}

function mounted(written: Written, notes: Notes): readonly Mount[] {
  const { at, type } = written;
  const target = written.target.startsWith("/") ? normalisedPath(written.target) : undefined;
  if (target === undefined) {
    const expected = "expected one such as /var/lib/data";
    notes.error(at, `\`${written.target}\` is not an absolute path in the container; ${expected}.`);
    return [];
  }
  if (type === "volume" || type === "bind" || type === "tmpfs") return [{ ...written, type, target }];
  notes.remark(
    at,
    `Kiln has no mounts of the type ${type}.`,
    "Use a volume, or copy the files into the image.",
  );
  return [];
}

/** `PATH[:OPTIONS]`. */
function tmpfsOf(at: YamlTree, notes: Notes): readonly Mount[] {
  const [path = "", options] = (notes.text(at) ?? "").split(":");
  if (options !== undefined)
    notes.remark(
      at,
      `The options ${options} of ${path} are not taken over: Kiln has its own for memory.`,
      "docs/local-platform.md has them.",
    );
  return mounted({ at, type: "tmpfs", source: undefined, target: path, readOnly: false }, notes);
}
