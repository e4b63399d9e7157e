import type { ServiceKey } from "../../domain/ids.ts";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import type { ServerShape } from "../../domain/spec/server-shape.ts";
import { ownVolumes } from "../../domain/volume.ts";
import { KilnError } from "../../lib/errors.ts";

/** How servers of a release would be run. */
export interface Running {
  readonly shape: ServerShape;
  readonly count: number;
  readonly policy: Pick<RolloutPolicy, "strategy">;
}

/** Throws `volume_invalid` where two servers would have a volume at a time that only one may have. */
export function requireOneWriter(service: ServiceKey, { shape, count, policy }: Running): void {
  const [volume] = ownVolumes(shape.volumes);
  if (volume === undefined) return;
  const wrong = [
    ...(count > 1 ? [`${count} servers`] : []),
    ...(policy.strategy === "recreate" ? [] : [`the strategy ${policy.strategy}`]),
  ];
  if (wrong.length === 0) return;
  throw new KilnError(
    "volume_invalid",
    `One server of ${service} at a time may have the volume ${volume.name}; found ${wrong.join(" and ")}, expected one server and the strategy recreate.`,
    {
      hint: "Write `count: 1` and `strategy: recreate`, or `shared: true` for the volume if the program can share it.",
    },
  );
}
