import type { Release } from "../../../domain/rollout/release.ts";
import { secretsFolder } from "../../../domain/spec/server-shape.ts";
import { sharedMemoryBytes } from "../../linux/limits.ts";
import { mountOrder } from "../../linux/skeleton.ts";

/** A volume, and where the container has it. */
export interface PodVolume {
  readonly volume: object;
  readonly mounts: readonly object[];
}

/** Items of the ConfigMap and the Secret of a release, by their index in it. */
export const fileItem = (index: number) => `file-${index}`;
export const secretItem = (index: number) => `secret-${index}`;

/** What a release gives its servers besides their image. `name`: of its ConfigMap and its Secret. */
export function volumesOf({ shape, files, secrets }: Release, name: string): readonly PodVolume[] {
  const writable = mountOrder(shape.writable).map((path, index) =>
    memory(
      `writable-${index}`,
      path,
      shape.memoryBytes === undefined ? 256 << 20 : Math.ceil(shape.memoryBytes / 2),
    ),
  );
  const shm = memory("shm", "/dev/shm", shape.sharedMemoryBytes ?? sharedMemoryBytes);
  const config: PodVolume = {
    volume: {
      name: "files",
      configMap: {
        name,
        items: files.map(({ mode }, index) => ({ key: fileItem(index), path: fileItem(index), mode })),
      },
    },
    mounts: files.map(({ to }, index) => ({
      name: "files",
      mountPath: to,
      subPath: fileItem(index),
      readOnly: true,
    })),
  };
  return [...writable, shm, ...(files.length === 0 ? [] : [config]), ...secretVolumes(name, secrets)];
}

/** The folder of secrets is one mount; a secret elsewhere is a file on its own. */
function secretVolumes(secretName: string, secrets: Release["secrets"]): readonly PodVolume[] {
  const all = secrets.flatMap(({ delivery }, index) =>
    delivery.kind === "file" ? [{ path: delivery.path, key: secretItem(index), mode: 0o400 }] : [],
  );
  const inside = all.filter(({ path }) => path.startsWith(`${secretsFolder}/`));
  const outside = all.filter((each) => !inside.includes(each));
  const folder: PodVolume = {
    volume: {
      name: "secrets",
      secret: {
        secretName,
        items: inside.map(({ path, ...item }) => ({ ...item, path: path.slice(secretsFolder.length + 1) })),
      },
    },
    mounts: [{ name: "secrets", mountPath: secretsFolder, readOnly: true }],
  };
  const apart: PodVolume = {
    volume: {
      name: "secrets-apart",
      secret: { secretName, items: outside.map((item) => ({ ...item, path: item.key })) },
    },
    mounts: outside.map(({ path, key: subPath }) => ({
      name: "secrets-apart",
      mountPath: path,
      subPath,
      readOnly: true,
    })),
  };
  return [...(inside.length === 0 ? [] : [folder]), ...(outside.length === 0 ? [] : [apart])];
}

function memory(name: string, mountPath: string, bytes: number): PodVolume {
  return {
    volume: { name, emptyDir: { medium: "Memory", sizeLimit: String(bytes) } },
    mounts: [{ name, mountPath }],
  };
}
