import { askerData, askerName, why } from "../domain/actor.ts";
import { parseServerId, reproductionId, type ServerId } from "../domain/ids.ts";
import type { Observation } from "../domain/observation.ts";
import type { Release } from "../domain/release.ts";
import { KilnError } from "../lib/errors.ts";
import type { Call, Platform } from "../platform/platform.ts";
import type { Store } from "../store/store.ts";
import { askerOf } from "./asker.ts";
import type { Operations } from "./operations.ts";
import { unknownServer } from "./unknown-server.ts";

export interface ReproduceParts {
  readonly store: Store;
  readonly platform: Platform;
  readonly observe: () => Promise<Observation>;
  readonly poke: (service: string) => void;
  readonly call: () => Call;
}

/** Servers like others, to look into. Their end is the planner's. */
export function createReproduce(parts: ReproduceParts): Pick<Operations, "reproduce"> {
  const { store, platform, observe, poke, call } = parts;
  return {
    reproduce: async (asked, who) => {
      const { server } = asked;
      const by = askerOf(asked, who);
      const { reproduce } = platform;
      if (reproduce === undefined) throw unable(platform);
      const observation = await observe();
      const { groups, reproductions = [] } = observation;
      const release = releaseOf(store, server);
      const isThere = groups.some(({ servers }) => servers.some((s) => s.id === server));
      if (release === undefined || !isThere) throw unknownServer(server, observation);
      const id = reproductionId(server);
      const { service, number } = release;
      if (!reproductions.some((copy) => copy.id === id)) {
        const message = `${askerName(by)} has ${id} made, a server like ${server}${why(by)}`;
        const data = { server, release: number, reproduction: id, ...askerData(by) };
        store.appendEvent({ service, kind: "server.reproduced", message, data });
      }
      await reproduce.call(platform, server, release, call());
      poke(service);
      return { id };
    },
  };
}

function releaseOf(store: Store, server: ServerId): Release | undefined {
  const name = parseServerId(server);
  const desired = name && store.desired(name.service);
  return desired?.removed ? undefined : desired?.releases.get(name?.release ?? 0);
}

function unable({ name }: Platform): KilnError {
  return new KilnError("platform_unusable", `The platform ${name} cannot reproduce a server.`);
}
