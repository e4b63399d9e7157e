import type { DeployRequest } from "../api.ts";
import type { Project } from "../project.ts";
import { unbuiltRelease } from "./deploy-request.ts";

/** What the service would be deployed with in the environments above this one; undefined where there are none. */
export async function climbingOf({ spec, file }: Project): Promise<DeployRequest["climbing"]> {
  const { ladder = [], environment, service } = spec;
  const index = environment === undefined ? -1 : ladder.indexOf(environment);
  if (index < 0 || index === ladder.length - 1) return undefined;
  const { loadSpecs } = await import("../../spec/load.ts");
  const rungs = ladder.slice(index + 1).map(async (name) => {
    const specs = await loadSpecs(file, { environment: name, only: service });
    return specs.map(
      (rung) =>
        [
          name,
          {
            ...{ target: rung.target, count: rung.count, policy: rung.rollout, upkeep: rung.upkeep },
            draft: unbuiltRelease(rung),
          },
        ] as const,
    );
  });
  return { ladder: [...ladder], rungs: Object.fromEntries((await Promise.all(rungs)).flat()) };
}
