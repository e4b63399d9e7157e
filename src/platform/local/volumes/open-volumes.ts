import { chmodSync, existsSync, mkdirSync } from "node:fs";
import type { Release } from "../../../domain/release.ts";
import type { VolumeSpec } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import { mountedAt } from "../../linux/mounts.ts";
import type { Bind } from "../../linux/placed-content.ts";
import type { HostImage } from "../../platform.ts";
import type { HostContext } from "../context.ts";
import { waitUntil } from "../server/free-server.ts";
import type { ServerRecord } from "../server/records.ts";
import { volumesOf } from "./claims.ts";
import { isAttached, makeImage, mountImage } from "./disk-image.ts";
import { holdersOf } from "./holders.ts";
import { dataFolder, type VolumePlaces, volumePlaces } from "./places.ts";
import { readVolume, type VolumeRecord, writeVolume } from "./records.ts";

/** How long the kernel may take to let go of a file system that was unmounted. */
const detachMs = 2_000;

/**
 * Makes and mounts the server's volumes, belonging to the image's user, and says what has to be bound where. Throws
 * `disk_full` when there is no room for a volume's size, `volume_invalid` when the volume there is of another kind.
 */
export async function openVolumes(
  host: HostContext,
  { id, release }: Pick<ServerRecord, "id" | "release">,
  image: Pick<HostImage, "uid" | "gid">,
): Promise<readonly Bind[]> {
  const binds: Bind[] = [];
  for (const volume of volumesOf(id, release)) {
    binds.push({ source: await openVolume(host, release, volume, image), destination: volume.path });
  }
  return binds;
}

async function openVolume(
  host: HostContext,
  { service, number }: Release,
  { name, sizeBytes, shared }: VolumeSpec,
  { uid, gid }: Pick<HostImage, "uid" | "gid">,
): Promise<string> {
  const places = volumePlaces(host.paths, { service, name });
  const owner = { uid, gid };
  const before = readVolume(places) ?? newVolume(host, sizeBytes, owner);
  requireSameKind(service, name, before, sizeBytes);
  const size = sizeBytes === undefined ? undefined : Math.max(sizeBytes, before.sizeBytes ?? 0);
  const record: VolumeRecord = {
    ...before,
    release: number,
    ...(size === undefined ? {} : { sizeBytes: size }),
  };
  await writeVolume(places, record);
  if (size !== undefined) await openImage(host, places, size);
  const data = dataFolder(places, size !== undefined);
  if (!existsSync(data)) {
    mkdirSync(data, { mode: 0o750 });
    chmodSync(data, 0o750); // whatever the umask is
  }
  await own(host, places, record, { owner, data, shared: shared ? `${name} of ${service}` : undefined });
  return data;
}

function newVolume(
  host: HostContext,
  sizeBytes: number | undefined,
  owner: VolumeRecord["owner"],
): VolumeRecord {
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  return { format: 1, createdAtMs: host.clock.now(), ...size, owner, owned: false };
}

function requireSameKind(
  service: string,
  name: string,
  { sizeBytes }: VolumeRecord,
  asked: number | undefined,
): void {
  if ((sizeBytes === undefined) === (asked === undefined)) return;
  const was = sizeBytes === undefined ? "was made without a size" : "was made with a size";
  throw new KilnError(
    "volume_invalid",
    `The volume ${name} of ${service} ${was}, and keeps its kind; the release wants it ${asked === undefined ? "without one" : "with one"}.`,
    {
      permanent: true,
      hint: "Write `size` as it was; or export the volume, remove it and import it again.",
    },
  );
}

async function openImage({ clock }: HostContext, places: VolumePlaces, bytes: number): Promise<void> {
  await makeImage(places, bytes);
  const isFree = () => mountedAt(places.disk) !== undefined || !isAttached(places);
  if (!(await waitUntil(clock, detachMs, isFree))) {
    throw new KilnError("volume_in_use", `The file system ${places.image} is still mounted elsewhere.`, {
      retry: true,
      hint: "`losetup --list` and `findmnt` show where. Kiln tries again.",
    });
  }
  await mountImage(places, bytes);
}

interface Owning {
  readonly owner: VolumeRecord["owner"];
  readonly data: string;
  /** Words for a volume that several servers have. */
  readonly shared: string | undefined;
}

/**
 * Another image may give its user another number: what is there belongs to that from then on. It is recorded before and
 * after, so a crash in between is made up for.
 */
async function own(
  { tag }: HostContext,
  places: VolumePlaces,
  record: VolumeRecord,
  { owner, data, shared }: Owning,
): Promise<void> {
  const { uid, gid } = owner;
  if (record.owned && record.owner.uid === uid && record.owner.gid === gid) return;
  const [other] = record.owned && shared !== undefined ? holdersOf(tag, data) : [];
  if (other !== undefined) {
    throw new KilnError(
      "volume_invalid",
      `The volume ${shared} belongs to ${record.owner.uid}:${record.owner.gid}, the user of ${other}; the user of this release is ${uid}:${gid}.`,
      {
        permanent: true,
        hint: "Keep the user's numbers (`image.users`), or deploy once with `strategy: recreate`.",
      },
    );
  }
  await writeVolume(places, { ...record, owner, owned: false });
  await exec(["chown", "--recursive", "--no-dereference", `${uid}:${gid}`, data]);
  await writeVolume(places, { ...record, owner, owned: true });
}
