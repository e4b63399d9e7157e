import type { Release } from "../../../domain/rollout/release.ts";
import type { ImageProcess } from "../../contract/images.ts";
import { environment } from "../../linux/environment.ts";
import { hostnameOf } from "../../linux/hostname.ts";
import { maxProcesses, sharedMemoryBytes, writablePaths } from "../../linux/limits.ts";
import type { Bind } from "../../linux/placed-content.ts";
import { seccomp } from "../../linux/seccomp.ts";
import { type EngineNames, label } from "../names.ts";

/** Everything that decides what a server's container is. */
export interface ContainerInput {
  readonly id: string;
  readonly release: Release;
  readonly image: ImageProcess;
  /** The engine's id of the image. */
  readonly imageId: string;
  readonly names: EngineNames;
  readonly address: string;
  readonly binds: readonly Bind[];
  /** Environment variables that win over all others. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  /** Whether the engine's kernel can refuse system calls. */
  readonly seccomp: boolean;
  /** Most files that a process may have open. */
  readonly openFiles: number;
}

/** The body of `POST /containers/create`, Engine API 1.41. It is as near to what a local server is as the engine can come. */
export function containerBody(input: ContainerInput): object {
  const { id, release, image, imageId, names, address } = input;
  return {
    Image: imageId,
    Hostname: hostnameOf(id),
    User: `${image.uid}:${image.gid}`,
    Env: environment({ ...input, service: release.service, release: release.number, shape: release.shape }),
    // Without a command of its own, so that nothing of the image's is added.
    Entrypoint: image.argv,
    Cmd: [],
    WorkingDir: image.workingFolder || "/",
    StopSignal: image.stopSignal,
    // A check of the image's is a command in the server, which looks like an intruder.
    Healthcheck: { Test: ["NONE"] },
    Labels: {
      ...names.labels,
      [label.server]: id,
      [label.service]: release.service,
      [label.release]: String(release.number),
      [label.image]: release.image,
    },
    HostConfig: hostConfig(input),
    NetworkingConfig: {
      EndpointsConfig: { [names.network]: { IPAMConfig: { IPv4Address: address } } },
    },
  };
}

function hostConfig(input: ContainerInput): object {
  const {
    release: { shape },
    image,
    names,
    binds,
    openFiles,
    seccomp: canRefuse,
  } = input;
  return {
    NetworkMode: names.network,
    ReadonlyRootfs: true,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges:true", ...(canRefuse ? [`seccomp=${JSON.stringify(seccomp)}`] : [])],
    GroupAdd: image.groups.map(String),
    PidsLimit: maxProcesses,
    // Equal values: no swap.
    ...(shape.memoryBytes === undefined ? {} : { Memory: shape.memoryBytes, MemorySwap: shape.memoryBytes }),
    ...(shape.cpus === undefined ? {} : { NanoCpus: Math.max(10_000_000, Math.round(shape.cpus * 1e9)) }),
    Devices: (shape.devices ?? []).map((device) => ({
      ...{ PathOnHost: device, PathInContainer: device, CgroupPermissions: "rw" },
    })),
    Ulimits: [
      { Name: "nofile", Soft: openFiles, Hard: openFiles },
      { Name: "core", Soft: 0, Hard: 0 },
    ],
    IpcMode: "private",
    CgroupnsMode: "private",
    ShmSize: sharedMemoryBytes,
    // Without capabilities no server could listen below 1024 otherwise.
    Sysctls: { "net.ipv4.ip_unprivileged_port_start": "0" },
    Tmpfs: Object.fromEntries(
      writablePaths(image, shape).map(({ path, options }) => [path, ["rw", ...options].join(",")]),
    ),
    Mounts: binds.map(({ source, destination }) => ({
      ...{ Type: "bind", Source: source, Target: destination, ReadOnly: true },
      BindOptions: { Propagation: "rprivate" },
    })),
    // A server that has ended is replaced by another one; it is kept until its end has been looked into.
    RestartPolicy: { Name: "no" },
    AutoRemove: false,
    LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } },
  };
}
