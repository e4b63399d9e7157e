import { KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { HostContext } from "../context.ts";
import { holdersOf } from "./holders.ts";
import type { VolumePlaces } from "./places.ts";
import { type VolumeRecord, writeVolume } from "./records.ts";

export interface Owning {
  readonly owner: VolumeRecord["owner"];
  readonly data: string;
  /** Words for a volume that several servers have. */
  readonly shared: string | undefined;
}

/**
 * Another image may give its user another number: what is there belongs to that from then on. It is recorded before and
 * after, so a crash in between is made up for.
 */
export async function giveToOwner(
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
