import { chmodSync, writeFileSync } from "node:fs";
import { serverCgroup } from "../linux/cgroups.ts";
import { findDevice } from "../linux/devices.ts";
import { hostnameOf } from "../linux/hostname.ts";
import { openFilesLimit } from "../linux/limits.ts";
import { placeContent, placedPoints, secretVariables } from "../linux/placed-content.ts";
import { signalProcess } from "../linux/processes.ts";
import { mountPoints } from "../linux/skeleton.ts";
import type { HostContext, Runtime } from "./context.ts";
import { describeRoot, ensureRoot, rootPath } from "./image/roots.ts";
import { namespacePath } from "./network/commands.ts";
import { hostsFile, resolversFile, resolversFor } from "./network/resolvers.ts";
import { serverPaths } from "./paths.ts";
import { findProgram, oomScore } from "./programs.ts";
import { type ConfigInput, ociConfig } from "./server/oci-config.ts";
import type { ServerRecord } from "./server/records.ts";

/** Servers whose process is the program of their image, in a root file system of its layers. */
export function containers(): Runtime {
  return {
    platform: "local",
    ownUsers: true,
    inside: "process",
    prepare: async () => {},
    root(image, release) {
      const { writable, volumes = [] } = release.shape;
      const folders = [...writable, ...volumes.map(({ path }) => path)];
      return describeRoot(image, mountPoints(folders, image.workingFolder, placedPoints(release)));
    },
    ensureRoot: (host, root) => ensureRoot(host.paths, root, host.verifyLayer),
    async place(host, { record, image, content }, { port, held, volumes }) {
      placeNames(host, record);
      const binds = await placeContent(serverPaths(host.paths, record.id), image, content);
      const { shape } = record.release;
      return ociConfig({
        ...configBase(host, record, namespacePath(port.namespace)),
        ...{ image, shape, binds, volumes, variables: secretVariables(content) },
        devices: (shape.devices ?? []).map(findDevice),
        userNamespace: held && `/proc/${held.pid}/ns/user`,
        init: shape.init ? findProgram("catatonit") : undefined,
      });
    },
    async askToEnd(_, { running, stopSignal }) {
      if (running) signalProcess(running.process, stopSignal);
      return running !== undefined;
    },
  };
}

type ConfigBase = Omit<
  ConfigInput,
  "image" | "shape" | "binds" | "volumes" | "variables" | "userNamespace" | "init" | "devices"
>;

/** What every process of a server is given, whatever it is. */
export function configBase(host: HostContext, record: ServerRecord, networkNamespace: string): ConfigBase {
  return {
    id: record.id,
    service: record.release.service,
    release: record.release.number,
    hostname: hostnameOf(record.id),
    root: rootPath(host.paths, record.root),
    networkNamespace,
    cgroup: serverCgroup(host.tag, record.id),
    cgroups: host.cgroups,
    openFiles: openFilesLimit(),
    oomScore: oomScore(),
    files: serverPaths(host.paths, record.id),
  };
}

/** The files that stand for /etc/hosts and its like. */
export function placeNames(host: HostContext, record: ServerRecord): void {
  const server = serverPaths(host.paths, record.id);
  const hostname = hostnameOf(record.id);
  writeForEverybody(server.hosts, hostsFile(record.address, hostname));
  writeForEverybody(server.hostname, `${hostname}\n`);
  writeForEverybody(server.resolvers, resolversFile(resolversFor(record.release.service)));
}

/** Readable for a server's user, whatever the umask is. */
function writeForEverybody(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o644);
}
