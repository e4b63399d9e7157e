import { randomUUID } from "node:crypto";
import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { VolumeKey } from "../../domain/volume.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Volumes } from "../../platform/contract/volumes.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations } from "../operations.ts";
import type { Targets } from "../targets/targets.ts";
import { ImageUpload } from "./upload.ts";

export interface VolumeParts {
  readonly store: Store;
  readonly targets: Targets;
  readonly call: () => Call;
}

interface Begun {
  readonly key: VolumeKey;
  readonly upload: ImageUpload;
}

const rememberedMs = 10 * 60_000;

/** For a caller that never ends early. */
const neverAborted = new AbortController().signal;

/** The operations on volumes. Each that changes one is recorded. */
export function createVolumeOperations(
  parts: VolumeParts,
): Pick<
  Operations,
  "volumes" | "snapshotVolume" | "restoreVolume" | "exportVolume" | "importVolume" | "removeVolume"
> {
  const { targets, call } = parts;
  const keeperOf = (key: VolumeKey) => findKeeper(parts, key);
  const uploads = new Map<string, Begun>();
  const told = (key: VolumeKey, kind: string, what: string, by: Asker, data: object = {}) => {
    const { service, name } = key;
    const message = `${askerName(by)} ${what}${why(by)}`;
    parts.store.appendEvent({ service, kind, message, data: { volume: name, ...data, ...askerData(by) } });
  };
  return {
    volumes: async ({ service }) => {
      const all = await Promise.all(
        targets.all.map(({ platform }) => platform.volumes?.list(service, call())),
      );
      return all.flatMap((volumes) => volumes ?? []);
    },
    snapshotVolume: async (asked, who) => {
      const made = await (await keeperOf(asked)).snapshot(asked, call());
      const what = `made the snapshot ${made.id} of ${words(asked)}`;
      told(asked, "volume.snapshot", what, askerOf(asked, who), { snapshot: made.id });
      return made;
    },
    restoreVolume: async (asked, who) => {
      const { snapshot } = asked;
      await (await keeperOf(asked)).restore(asked, snapshot, call());
      const what = `put the snapshot ${snapshot} in place of the data of ${words(asked)}`;
      told(asked, "volume.restored", what, askerOf(asked, who), { snapshot });
    },
    exportVolume: (asked, { signal = neverAborted } = {}) =>
      pieces(keeperOf(asked), (volumes) => volumes.read(asked, asked.snapshot, signal)),
    importVolume: async (asked, who) => {
      const { upload: known, data, last = false } = asked;
      const id = known ?? randomUUID();
      const begun = known === undefined ? begin(await keeperOf(asked), asked) : uploads.get(known);
      if (begun === undefined || !isSame(begun.key, asked)) throw unknownUpload();
      const { upload } = begun;
      if (known === undefined) remember(id, begun);
      try {
        await upload.add(Buffer.from(data, "base64"));
        if (!last) return { upload: id };
        await upload.end();
      } catch (error) {
        uploads.delete(id);
        throw error;
      }
      uploads.delete(id);
      told(asked, "volume.imported", `replaced the data of ${words(asked)}`, askerOf(asked, who));
      return { upload: id };
    },
    removeVolume: async (asked, who) => {
      const { snapshot } = asked;
      await (await keeperOf(asked)).remove(asked, snapshot, call());
      const what = snapshot === undefined ? words(asked) : `the snapshot ${snapshot} of ${words(asked)}`;
      const data = snapshot === undefined ? {} : { snapshot };
      told(asked, "volume.removed", `removed ${what}`, askerOf(asked, who), data);
    },
  };

  /** For some time after its end too: the next piece gets the reason. */
  function remember(id: string, begun: Begun): void {
    uploads.set(id, begun);
    void begun.upload.over.then(() => setTimeout(() => uploads.delete(id), rememberedMs).unref());
  }

  function begin(volumes: Volumes, { service, name }: VolumeKey) {
    const key = { service, name };
    return { key, upload: new ImageUpload((archive) => volumes.write(key, archive, call())) };
  }
}

function isSame(a: VolumeKey, b: VolumeKey): boolean {
  return a.service === b.service && a.name === b.name;
}

function words({ service, name }: VolumeKey): string {
  return `the volume ${name} of ${service}`;
}

/** Where the volume is, also when its service is gone. Throws `volume_unknown`. */
async function findKeeper({ targets, call }: VolumeParts, key: VolumeKey): Promise<Volumes> {
  for (const { platform } of targets.all) {
    const there = (await platform.volumes?.list(key.service, call())) ?? [];
    if (platform.volumes !== undefined && there.some(({ name }) => name === key.name))
      return platform.volumes;
  }
  throw new KilnError("volume_unknown", `There is no volume ${key.name} of ${key.service}.`, {
    hint: "`kiln volume ls` lists all volumes.",
  });
}

function unknownUpload(): KilnError {
  return new KilnError(
    "usage",
    "There is no such upload into this volume: it has ended, or its controller has.",
    {
      hint: "Begin again: nothing of the volume has changed.",
    },
  );
}

async function* pieces(
  keeper: Promise<Volumes>,
  read: (volumes: Volumes) => AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly data: string }> {
  for await (const chunk of read(await keeper)) yield { data: Buffer.from(chunk).toString("base64") };
}
