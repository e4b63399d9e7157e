import { type Actor, type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import { revocationIn } from "../../domain/policy/revocation.ts";
import { collectGarbage } from "../../image/store/collect-garbage.ts";
import { describeImage } from "../../image/store/describe.ts";
import { basesIn, listImages, removeImage, setPinned } from "../../image/store/images.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations } from "../operations.ts";

/** Files that a running build has written but not yet named are younger than this. */
const minAgeMs = 10 * 60_000;

export type ImageOperations = Pick<
  Operations,
  "images" | "image" | "removeImage" | "pinImage" | "unpinImage" | "collectImages"
>;

/** The operations on the images of this installation. */
export function createImageOperations(parts: {
  readonly store: Pick<Store, "imagesInUse" | "appendEvent" | "revocations">;
  readonly state: StateFolder;
  readonly clock: Clock;
}): ImageOperations {
  const { store, state, clock } = parts;
  const pinning =
    (pinned: boolean): ImageOperations["pinImage"] =>
    async (asked, who) => {
      const { service, version } = asked;
      if (!(await setPinned(state, service, version, pinned))) return;
      record(store, asked, pinned ? "pinned" : "unpinned", askerOf(asked, who));
    };
  return {
    images: async ({ service }) => {
      const inUse = store.imagesInUse();
      const revocations = store.revocations();
      return (await listImages(state))
        .filter((image) => service === undefined || image.service === service)
        .map((image) => ({
          ...image,
          usedBy: [...(inUse.get(image.digest) ?? [])],
          revoked: revocationIn(revocations, [image.digest, ...basesIn(state, image.digest)], clock.now()),
        }));
    },
    image: async ({ digest }) => {
      const { process, ...described } = await describeImage(state, digest);
      const names = (await listImages(state)).filter((image) => image.digest === digest);
      return {
        ...described,
        names: names.map(({ service, version }) => `${service}:${version}`),
        user: process.User,
        command: [...(process.Entrypoint ?? []), ...(process.Cmd ?? [])],
        env: [...(process.Env ?? [])],
        workingFolder: process.WorkingDir,
        labels: { ...process.Labels },
      };
    },
    removeImage: async (asked, who) => {
      await removeImage(state, asked.service, asked.version, () => store.imagesInUse());
      record(store, asked, "removed", askerOf(asked, who));
    },
    pinImage: pinning(true),
    unpinImage: pinning(false),
    collectImages: async (asked, who) => {
      const inUse = () => new Set(store.imagesInUse().keys());
      const collected = await collectGarbage(state, { inUse, nowMs: clock.now(), minAgeMs });
      for (const image of collected.images) record(store, image, "removed", askerOf(asked, who));
      return { ...collected, images: [...collected.images] };
    },
  };
}

/** Records an image that was pushed to the controller. */
export function recordReceived(
  store: Pick<Store, "appendEvent">,
  {
    service,
    version,
    digest,
  }: { readonly service: string; readonly version: string; readonly digest: string },
  actor: Actor,
): void {
  store.appendEvent({
    ...{ service, kind: "image.received" },
    message: `${askerName({ actor })} pushed the image ${service}:${version}.`,
    data: { version, image: digest, ...askerData({ actor }) },
  });
}

function record(
  store: Pick<Store, "appendEvent">,
  { service, version }: { readonly service: string; readonly version: string },
  did: "removed" | "pinned" | "unpinned",
  by: Asker,
): void {
  store.appendEvent({
    ...{ service, kind: `image.${did}` },
    message: `${askerName(by)} ${did} the image ${service}:${version}${why(by)}`,
    data: { version, ...askerData(by) },
  });
}
