import { posix } from "node:path";
import { isAtOrBelow } from "../../paths.ts";
import type { MapEntry, YamlTree } from "../../yaml/tree.ts";
import { tidyName } from "../../yaml/values.ts";
import type { Notes } from "../notes.ts";
import type { ComposeProject } from "../project/project.ts";
import type { KnownImage } from "./known-images.ts";
import { type Mount, mountsOf } from "./mounts.ts";

export interface CopyItem {
  readonly from: string;
  readonly to: string;
}

export interface Storage {
  readonly volumes: readonly VolumeItem[];
  /** `image.files`: folders of the project. */
  readonly copied: readonly CopyItem[];
  /** `servers.files`: single files of the project. */
  readonly placed: readonly CopyItem[];
  readonly writable: readonly string[];
  /** Named volumes as the Compose file calls them. */
  readonly named: readonly { readonly source: string; readonly at: YamlTree }[];
}

interface VolumeItem {
  readonly name: string;
  readonly path: string;
}

/** `folder`: of the service's kiln.yaml, relative to the project. */
export interface StorageParts {
  readonly folder: string;
  readonly image: KnownImage;
  readonly project: ComposeProject;
  readonly notes: Notes;
}

/** `volumes`, `tmpfs`, and what else has to be writable. */
export function storageOf(service: ReadonlyMap<string, MapEntry>, parts: StorageParts): Storage {
  const mounts = mountsOf(service, parts.notes);
  const named = mounts.filter(({ type, source }) => type === "volume" && source !== undefined);
  const volumes = volumesOf(named, parts.notes);
  const files = { copied: [] as CopyItem[], placed: [] as CopyItem[] };
  for (const mount of mounts) if (mount.type === "bind") bind(mount, volumes, files, parts);
  const memory = mounts.filter((mount) => mount.type !== "bind" && !named.includes(mount));
  return {
    ...{ volumes, ...files, named: named.map(({ source = "", at }) => ({ source, at })) },
    writable: writableOf(
      memory,
      [
        ...volumes.map(({ path }) => path),
        ...files.placed.map(({ to }) => to),
        ...files.copied.map(({ to }) => to),
      ],
      parts,
    ),
  };
}

function volumesOf(named: readonly Mount[], notes: Notes): readonly VolumeItem[] {
  const volumes: VolumeItem[] = [];
  for (const { source = "", target, at, readOnly } of named) {
    volumes.push({ name: freeName(tidyName(source) ?? "data", volumes), path: target });
    if (!readOnly) continue;
    const message = `The volume ${source} is read-only there; a volume of Kiln can be written to.`;
    notes.remark(at, message, "Let the program leave it as it is.");
  }
  return volumes;
}

function freeName(name: string, taken: readonly VolumeItem[]): string {
  const isFree = (candidate: string) => taken.every((other) => other.name !== candidate);
  for (let n = 1; ; n += 1) {
    const candidate = n === 1 ? name : `${name.slice(0, 28)}-${n}`;
    if (isFree(candidate)) return candidate;
  }
}

/** What is asked for, `/tmp`, and what the image is known to need. `taken`: where volumes and files are. */
function writableOf(
  memory: readonly Mount[],
  taken: readonly string[],
  { image, notes }: StorageParts,
): readonly string[] {
  const isFree = (path: string) => !taken.some((at) => isAtOrBelow(at, path) || isAtOrBelow(path, at));
  for (const { at, target, type } of memory) {
    if (!isFree(target))
      notes.remark(
        at,
        `${target} is left out: a volume or files of the service are there, too.`,
        "Choose paths that are apart from each other.",
      );
    else if (type === "volume")
      notes.remark(
        at,
        `${target} is a volume without a name: it becomes memory, empty in each server.`,
        "If its data has to stay, give it a name in `servers.volumes`.",
      );
  }
  const paths = [...new Set([...memory.map(({ target }) => target), "/tmp", ...(image.writable ?? [])])];
  const outermost = paths.filter(
    (path) => !paths.some((other) => other !== path && isAtOrBelow(path, other)),
  );
  return outermost.filter(isFree);
}

/** A part of the project goes into the image, or with the release; nothing else of the machine gets into a server. */
function bind(
  mount: Mount,
  volumes: readonly VolumeItem[],
  { copied, placed }: { readonly copied: CopyItem[]; readonly placed: CopyItem[] },
  parts: StorageParts,
): void {
  const { at, source = "", target, readOnly } = mount;
  const refusal = bindRefusal(mount, volumes, parts);
  if (refusal !== undefined) {
    parts.notes.remark(at, ...refusal);
    return;
  }
  const item = { from: `./${posix.relative(parts.folder, tidy(source))}`, to: target };
  if (parts.project.kind(source) === "file") placed.push(item);
  else copied.push(item);
  if (readOnly) return;
  const message = `${target} is a copy of ${source} and cannot be written to: a change needs a deploy.`;
  parts.notes.remark(at, message, "If the program writes to it, name a volume in `servers.volumes`.");
}

function tidy(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, "$1");
}

/** Why it is left out, and what to do instead. */
function bindRefusal(
  { source = "", target }: Mount,
  volumes: readonly VolumeItem[],
  { folder, project }: StorageParts,
): readonly [message: string, hint: string] | undefined {
  const path = tidy(source);
  if (/^[/~]/.test(source) || path.startsWith(".."))
    return [`A server of Kiln gets nothing of the machine's files: ${source} is left out.`, hostHint(source)];
  if (posix.relative(folder, path).startsWith("..")) {
    const hint = `Move it to ${folder}, and name it in \`image.files\` or \`servers.files\`.`;
    return [`${source} is not in ${folder}, the folder of the service's kiln.yaml: it is left out.`, hint];
  }
  if (project.kind(path) === undefined) {
    const hint = "If the program writes to it, name a volume in `servers.volumes`.";
    return [`${source} does not exist.`, hint];
  }
  const volume = volumes.find((other) => isAtOrBelow(target, other.path) || isAtOrBelow(other.path, target));
  if (volume === undefined) return undefined;
  const hint = "Choose another path, or copy the files into the volume once: `kiln volume import`.";
  return [
    `${source} is left out: ${target} and the volume ${volume.name}, at ${volume.path}, overlap.`,
    hint,
  ];
}

function hostHint(source: string): string {
  if (/docker\.sock$/.test(source)) return "A program that controls Docker runs outside Kiln.";
  if (/^\/(proc|sys|dev|etc|var|run|boot|lib|)(\/|$)/.test(source))
    return "A program that looks at the machine itself runs outside Kiln, as a Debian package for example.";
  return "Copy what the program reads into this folder; for what it writes, name a volume in `servers.volumes`.";
}
