import { askerData, askerName, why } from "../../domain/access/actor.ts";
import type { GroupObservation } from "../../domain/observation.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations } from "../operations.ts";
import type { Targets } from "../targets/targets.ts";
import { unknownServer } from "./unknown-server.ts";

export interface ReproduceParts {
  readonly store: Store;
  readonly targets: Targets;
  readonly call: () => Call;
}

/** Copies of servers, to examine. The planner ends them. */
export function createReproduce(parts: ReproduceParts): Pick<Operations, "reproduce"> {
  const { store, targets, call } = parts;
  return {
    reproduce: async (asked, who) => {
      const { server } = asked;
      const by = askerOf(asked, who);
      const { site, observation } = await targets.find(server);
      const { platform } = site;
      const { reproduce } = platform;
      if (reproduce === undefined) throw unable(platform);
      const { groups, reproductions = [] } = observation;
      const group = groups.find(({ servers }) => servers.some((s) => s.id === server));
      const release = group && releaseOf(store, group);
      if (release === undefined) throw unknownServer(server, [observation]);
      const { service, number } = release;
      const id = await reproduce.call(platform, server, release, call());
      if (!reproductions.some((copy) => copy.id === id)) {
        const message = `${askerName(by)} makes ${id}, a copy of ${server}${why(by)}`;
        const data = { server, release: number, reproduction: id, ...askerData(by) };
        store.appendEvent({ service, kind: "server.reproduced", message, data });
      }
      targets.poke(service);
      return { id, enter: `kiln exec ${id} --reason TEXT --` };
    },
  };
}

function releaseOf(store: Store, { service, release }: GroupObservation): Release | undefined {
  const desired = store.desired(service);
  return desired?.removed ? undefined : desired?.releases.get(release);
}

function unable({ name }: Platform): KilnError {
  return new KilnError("platform_unusable", `The platform ${name} cannot reproduce a server.`);
}
