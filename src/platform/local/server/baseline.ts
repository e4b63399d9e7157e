import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { isErrno } from "../../../lib/errors.ts";
import { mountLines } from "../../../lib/files/mount-table.ts";
import { digestOf } from "../../../lib/files/sha256.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { linkIfThere, type ProcessRef, readIfThere } from "../../../lib/process/proc.ts";
import type { HostImage } from "../../contract/images.ts";
import { parseServerId } from "../../fleet/server-id.ts";
import { formatAddress, gateway } from "../../linux/addresses.ts";
import { cgroupFolders, installationCgroup, serverCgroup } from "../../linux/cgroups.ts";
import type { Subject } from "../../linux/subject.ts";
import { gatewayOf } from "../../linux/unique-local.ts";
import { rootDevice } from "../image/roots.ts";
import { readServed, servedSchema } from "../image/served-layers.ts";
import { recordedNetwork } from "../network/choice.ts";
import { insideLinks, machineLink, machineTable } from "../network/commands.ts";
import { type HostPaths, type ServerPaths, serverPaths } from "../paths.ts";
import { askedLimits } from "./asked-limits.ts";
import { askedMounts } from "./asked-mounts.ts";
import type { OciConfig } from "./oci-config.ts";
import type { ServerRecord } from "./records.ts";

const imageSchema = z.array(
  z.object({ file: z.string(), sha256: z.string(), served: servedSchema.optional() }),
);
const digestsSchema = z.array(z.object({ file: z.string(), sha256: z.string() })).readonly();
const baselineSchema = z.object({
  mounts: z.array(z.string()).readonly(),
  namespaces: z.record(z.string(), z.string()),
  limits: z.array(z.object({ file: z.string(), value: z.string() })).readonly(),
  bundle: digestsSchema,
  programs: z.array(z.string()).readonly().optional(),
});
const keptSchema = z.object({
  cgroupFolders: z.array(z.string()).readonly(),
  /** In its network namespace. Absent: the links of a container. */
  links: z.array(z.string()).readonly().optional(),
  baseline: baselineSchema,
  image: imageSchema.readonly(),
});

/** A server as it was made, kept in its folder: a later controller compares with the same. */
export type Kept = Readonly<z.infer<typeof keptSchema>>;

/** What a server was asked to be, and the process that waits for `runc start`. */
export interface BaselineSource {
  readonly record: Pick<ServerRecord, "id" | "root" | "layers">;
  readonly image: HostImage;
  readonly config: OciConfig;
  readonly bundle: Kept["baseline"]["bundle"];
  /** Namespaces that Kiln itself has made, by kind, what /proc/PID/ns/KIND of its processes links to. */
  readonly made: Readonly<Record<string, string>>;
  readonly pid: number;
  /** In its network namespace. */
  readonly links: readonly string[];
}

/**
 * What Kiln has asked for, in the kernel's words. What is found otherwise between `runc create` and `runc start` is not
 * taken over: it is a difference from the start.
 */
export function askedBaseline(paths: HostPaths, tag: string, asked: BaselineSource): Kept {
  const { record, image, config, bundle, pid } = asked;
  const folders = cgroupFolders(serverCgroup(tag, record.id));
  const parents = cgroupFolders(installationCgroup(tag));
  const mountinfo = readIfThere(`/proc/${pid}/mountinfo`) ?? "";
  const mounts = { config, rootDevice: rootDevice(paths, record.root), inside: `/proc/${pid}/root` };
  return {
    cgroupFolders: folders,
    links: asked.links,
    baseline: {
      mounts: mountLines(askedMounts(mountinfo, mounts).join("\n")),
      namespaces: askedNamespaces(config, pid, asked.made),
      limits: [
        ...folders.flatMap((folder) => askedLimits(folder, config.linux.resources)),
        ...parents.flatMap((folder) => askedLimits(folder, {})),
      ],
      bundle,
      programs: boundPrograms(config),
    },
    image: image.layers.map(({ file, sha256 }, i) => ({
      file,
      sha256: `sha256:${sha256.replace("sha256:", "")}`,
      served: readServed(paths, record.layers[i] ?? ""),
    })),
  };
}

/** Files of this machine that may run in it: those that lie there when it is made, whatever may take their place later. */
function boundPrograms({ mounts }: OciConfig): readonly string[] {
  const may = mounts.filter(({ type, options }) => type === "bind" && !options.includes("noexec"));
  return may.map(({ source }) => {
    const { dev, ino } = statSync(source);
    return `${dev}:${ino}`;
  });
}

/** Without waiting for the disk, as the record is: what it describes ends with the machine. */
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
    service: record.release.service,
    release: record.release.number,
    process: record.running.process,
    cgroup: serverCgroup(tag, record.id),
    cgroupFolders: kept.cgroupFolders,
    baseline: kept.baseline,
    ...networkOf(paths, tag, record, kept),
    imageFiles: kept.image,
  };
}

function networkOf(
  paths: HostPaths,
  tag: string,
  { address, address6 }: ServerRecord,
  { links = insideLinks.process }: Kept,
): Pick<Subject, "network"> {
  const subnet = recordedNetwork(paths, tag)?.subnet;
  if (subnet === undefined) return {};
  const route = { prefixBits: subnet.bits, gateway: formatAddress(gateway(subnet)) };
  const tables = links.includes(machineLink) ? [machineTable] : [];
  const ipv6 = address6 && { ipv6: { address: address6, prefixBits: 64, gateway: gatewayOf(address6) } };
  return { network: { links, address, tables, ...route, ...ipv6 } };
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

/** By `runc`'s name for it, what /proc/PID/ns calls a kind of namespace. */
const linkNames: ReadonlyMap<string, string> = new Map([
  ["mount", "mnt"],
  ["network", "net"],
]);

/** Those that were asked for are not the machine's, the others are; one that is wrong gets a name that none has. */
function askedNamespaces(
  { linux }: OciConfig,
  pid: number,
  made: BaselineSource["made"],
): Readonly<Record<string, string>> {
  const own = new Set(linux.namespaces.map(({ type }) => linkNames.get(type) ?? type));
  const kinds = readdirSync(`/proc/${pid}/ns`).filter((kind) => !kind.endsWith("_for_children"));
  return Object.fromEntries(
    kinds.map((kind) => {
      if (made[kind] !== undefined) return [kind, made[kind]];
      const link = linkIfThere(`/proc/${pid}/ns/${kind}`) ?? "";
      const isMachines = link === linkIfThere(`/proc/self/ns/${kind}`);
      return [kind, own.has(kind) === isMachines ? "another" : link];
    }),
  );
}

/** The name of a network namespace that Kiln has just made: what /proc/PID/ns/net of its processes links to. */
export function netNamespace(path: string): string {
  return `net:[${statSync(path).ino}]`;
}

/** Read when they have just been written. Without the secret ones: a digest would reveal a short secret. */
export function bundleOf(server: ServerPaths): Kept["baseline"]["bundle"] {
  const config = lstatSync(server.config).isSymbolicLink() ? [] : [server.config];
  const files = namesIn(server.files).map((name) => join(server.files, basename(name)));
  const all = [...config, server.hosts, server.hostname, server.resolvers, ...files];
  return all.map((file) => ({ file, sha256: digestOf(readFileSync(file)) }));
}

/** Whose program runs there: before `runc start` has taken effect it is still runc's. */
export function programOf({ pid }: Pick<ProcessRef, "pid">): string | undefined {
  return linkIfThere(`/proc/${pid}/exe`);
}
