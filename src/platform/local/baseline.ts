import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { parseServerId } from "../../domain/ids.ts";
import { isErrno } from "../../lib/errors.ts";
import { mountLines } from "../../lib/mount-table.ts";
import { linkIfThere, type ProcessRef, readIfThere } from "../../lib/proc.ts";
import { digestOf } from "../../lib/sha256.ts";
import { namesIn } from "../../lib/temporary.ts";
import type { HostImage, Subject } from "../platform.ts";
import { cgroupFolders, serverCgroup } from "./cgroups.ts";
import { type HostPaths, type ServerPaths, serverPaths } from "./paths.ts";
import type { ServerRecord } from "./records.ts";
import { readServed, servedSchema } from "./served-layers.ts";

/** Of the limits of a cgroup, those that Kiln sets or somebody else could: version 2, then version 1. */
const limitFiles = new Set([
  ..."memory.max memory.high memory.low memory.swap.max memory.oom.group".split(" "),
  ..."cpu.max cpu.weight cpuset.cpus io.max".split(" "),
  ..."memory.limit_in_bytes memory.memsw.limit_in_bytes cpu.cfs_quota_us cpu.cfs_period_us".split(" "),
  ..."cpu.shares devices.list".split(" "),
  "pids.max",
]);
/** Of version 1, the kernel itself changes it when a processor comes or goes. */
const unsteady = "cpuset/";

const imageSchema = z.array(
  z.object({ file: z.string(), sha256: z.string(), served: servedSchema.optional() }),
);
const digestsSchema = z.array(z.object({ file: z.string(), sha256: z.string() })).readonly();
const baselineSchema = z.object({
  mounts: z.array(z.string()).readonly(),
  namespaces: z.record(z.string(), z.string()),
  limits: z.array(z.object({ file: z.string(), value: z.string() })).readonly(),
  bundle: digestsSchema,
});
const keptSchema = z.object({
  cgroupFolders: z.array(z.string()).readonly(),
  baseline: baselineSchema,
  image: imageSchema.readonly(),
});

/** What a server was made as, kept in its folder: a later controller compares with the same. */
export type Kept = Readonly<z.infer<typeof keptSchema>>;

/** Reads it from the process that waits for `runc start`. */
export function readBaseline(
  paths: HostPaths,
  tag: string,
  { id, layers }: Pick<ServerRecord, "id" | "layers">,
  pid: number,
  image: HostImage,
): Kept {
  const server = serverPaths(paths, id);
  const folders = cgroupFolders(serverCgroup(tag, id));
  return {
    cgroupFolders: folders,
    baseline: {
      mounts: mountLines(readIfThere(`/proc/${pid}/mountinfo`) ?? ""),
      namespaces: namespacesOf(pid),
      limits: folders.flatMap(limitsIn),
      bundle: bundleFiles(server).map((file) => ({ file, sha256: digestOf(readFileSync(file)) })),
    },
    image: image.layers.map(({ file, sha256 }, i) => ({
      file,
      sha256: `sha256:${sha256.replace("sha256:", "")}`,
      served: readServed(paths, layers[i] ?? ""),
    })),
  };
}

/** Without waiting for the disk, as the record is: what it tells about ends with the machine. */
export function keepBaseline(server: ServerPaths, kept: Kept): void {
  writeFileSync(server.baseline, JSON.stringify(kept), { mode: 0o600 });
}

/** The server as detectors see it; undefined for a job, which lives for its command alone, and for a reproduction, which is there to be entered, and where no baseline was kept, or none that can be read. */
export function subjectOf(paths: HostPaths, tag: string, record: ServerRecord): Subject | undefined {
  if (!record.running || parseServerId(record.id) === undefined) return undefined;
  const kept = recall(serverPaths(paths, record.id));
  if (!kept) return undefined;
  return {
    server: record.id,
    process: record.running.process,
    cgroup: serverCgroup(tag, record.id),
    cgroupFolders: kept.cgroupFolders,
    baseline: kept.baseline,
    imageFiles: kept.image,
  };
}

/** By kind, the namespaces that it was made in; none when that was not kept. */
export function recallNamespaces(paths: HostPaths, id: string): Kept["baseline"]["namespaces"] {
  return recall(serverPaths(paths, id))?.baseline.namespaces ?? {};
}

function recall(server: ServerPaths): Kept | undefined {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(server.baseline, "utf8")));
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError || error instanceof z.ZodError)
      return undefined;
    throw error;
  }
}

function namespacesOf(pid: number): Readonly<Record<string, string>> {
  const kinds = readdirSync(`/proc/${pid}/ns`).filter((kind) => !kind.endsWith("_for_children"));
  return Object.fromEntries(kinds.map((kind) => [kind, linkIfThere(`/proc/${pid}/ns/${kind}`) ?? ""]));
}

function limitsIn(folder: string): Kept["baseline"]["limits"] {
  if (folder.includes(unsteady)) return [];
  return namesIn(folder)
    .filter((name) => limitFiles.has(name))
    .flatMap((name) => {
      const value = readIfThere(join(folder, name));
      return value === undefined ? [] : [{ file: join(folder, name), value }];
    });
}

/** Without the secret ones: a digest would tell about a short secret. */
function bundleFiles(server: ServerPaths): readonly string[] {
  const config = lstatSync(server.config).isSymbolicLink() ? [] : [server.config];
  const files = namesIn(server.files).map((name) => join(server.files, basename(name)));
  return [...config, server.hosts, server.hostname, server.resolvers, ...files];
}

/** Whose program runs there: before `runc start` has taken effect it is still runc's. */
export function programOf({ pid }: Pick<ProcessRef, "pid">): string | undefined {
  return linkIfThere(`/proc/${pid}/exe`);
}
