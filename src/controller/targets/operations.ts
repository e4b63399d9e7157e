import type { Target, TargetName } from "../../domain/target.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations, TargetStatus } from "../operations.ts";
import type { OpenTarget, Site } from "./site.ts";
import type { Targets } from "./targets.ts";

/** The platforms that there are; the composition root hands them in. */
export interface Platforms {
  /** Throws `target_invalid` for an unknown platform or wrong options, `target_taken` for another target of a platform that has one only. */
  requireValid(target: Pick<Target, "name" | "platform" | "options">): void;
  /** Contacts nothing, and does not fail: a target that cannot be opened shows why when it is asked something. */
  open(target: Target): Promise<OpenTarget>;
}

export interface TargetParts {
  readonly store: Store;
  readonly targets: Targets;
  readonly platforms: Platforms;
}

/** The operations on targets. */
export function createTargetOperations({
  store,
  targets,
  platforms,
}: TargetParts): Pick<Operations, "targets" | "target" | "addTarget" | "removeTarget"> {
  return {
    targets: () => Promise.all(targets.all.map((site) => statusOf(store, site))),
    target: async ({ target }) => {
      const site = targets.named(target);
      const [status, readiness] = await Promise.all([statusOf(store, site), site.probe()]);
      return { ...status, readiness };
    },
    addTarget: async (asked, who) => {
      const { target: name, platform, options } = asked;
      platforms.requireValid({ name, platform, options });
      const target = store.addTarget({ name, platform, options }, askerOf(asked, who));
      targets.add(await platforms.open(target));
    },
    removeTarget: async (asked, who) => {
      store.removeTarget(asked.target, askerOf(asked, who));
      await targets.remove(asked.target);
    },
  };
}

async function statusOf(store: Store, { target, loop }: Site): Promise<TargetStatus> {
  const { observation, trouble } = await loop.observer.glance();
  return {
    ...target,
    services: servicesOn(store, target.name),
    servers: observation?.groups.reduce((sum, group) => sum + group.servers.length, 0),
    trouble,
    warnings: (observation?.warnings ?? [])
      .filter(({ service }) => service === undefined)
      .map(({ message, hint }) => ({ message, hint })),
  };
}

function servicesOn(store: Store, name: TargetName): string[] {
  return store.desiredAll().flatMap(({ service, target }) => (target === name ? [service] : []));
}
