import type { Channel } from "../../domain/policy/revocation.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations } from "../operations.ts";
import { type RevocationParts, requireNotRevoked, revocationOf } from "./revocations.ts";

interface Parts extends RevocationParts {
  readonly store: Store;
  /** The image by its version, or by the first digits of its digest. Throws `image_unknown`. */
  readonly find: (service: string, version: string) => Promise<Pick<Channel, "version" | "digest">>;
}

export type ImageReleasing = Pick<
  Operations,
  "revocations" | "revokeImage" | "unrevokeImage" | "channels" | "channel" | "setChannel" | "removeChannel"
>;

/** The operations on revocations and channels. They change no running server. */
export function createImageReleasing(parts: Parts): ImageReleasing {
  const { store } = parts;
  const historyOf = (service: string, name: string) =>
    store.channelHistory().filter((one) => one.service === service && one.name === name);
  return {
    revocations: async () => [...store.revocations()],
    revokeImage: async (asked, who) => store.revokeImage(asked, askerOf({}, who)),
    unrevokeImage: async (asked, who) => {
      if (store.unrevokeImage(asked.digest, askerOf(asked, who))) return;
      throw new KilnError("image_unknown", `The image ${asked.digest} is not revoked.`, {
        hint: "`kiln image revoked` lists what is.",
      });
    },
    channels: async () => {
      const newest = new Map(
        store
          .channelHistory()
          .toReversed()
          .map((one) => [`${one.service}/${one.name}`, one]),
      );
      return [...newest.values()].toReversed();
    },
    channel: async ({ service, name }) => {
      const history = historyOf(service, name);
      const [current] = history;
      if (current === undefined) throw unknownChannel(store, `${service}/${name}`);
      const revoked = revocationOf(parts, current.digest);
      return { ...current, revoked, history: [...history] };
    },
    setChannel: async (asked, who) => {
      const { service, name } = asked;
      const { version, digest } = await parts.find(service, asked.version);
      requireNotRevoked(parts, digest);
      return store.setChannel({ service, name, version, digest }, askerOf(asked, who));
    },
    removeChannel: async (asked, who) => {
      if (store.removeChannel(asked, askerOf(asked, who))) return;
      throw unknownChannel(store, `${asked.service}/${asked.name}`);
    },
  };
}

function unknownChannel(store: Store, wanted: string): KilnError {
  const names = [...new Set(store.channelHistory().map(({ service, name }) => `${service}/${name}`))];
  const meant = nearest(wanted, names);
  return new KilnError("channel_unknown", `There is no channel ${wanted}.`, {
    hint:
      meant === undefined
        ? "`kiln channel set SERVICE/NAME VERSION` makes one."
        : `Did you mean ${meant}? \`kiln channel ls\` lists them.`,
  });
}
