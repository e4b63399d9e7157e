import type { Logger } from "../../lib/log.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Router } from "../../router/router.ts";
import type { DriftSource } from "../contract/drift-source.ts";
import type { ImagePacker, ImagePusher } from "../contract/images.ts";
import { createFleet, type Fleet, type FleetOptions } from "../fleet/fleet.ts";
import { networkProber } from "../fleet/health/network-prober.ts";
import { terraformHost } from "./terraform-host.ts";
import type { TerraformOptions } from "./workplace.ts";

export interface TerraformTarget {
  readonly state: StateFolder;
  readonly target: string;
  readonly options: TerraformOptions;
  readonly router: Router;
  readonly images: ImagePusher & Pick<ImagePacker, "check">;
  readonly requireStartable: FleetOptions["requireStartable"];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Creations and ends of one group are gathered into runs of Terraform: none of them waits for the turn of another. */
const parallelism = 256;

export interface OpenedTerraform {
  readonly platform: Fleet;
  readonly watchDrift: () => DriftSource;
}

/** Contacts nothing. */
export function openTerraform({ router, requireStartable, ...rest }: TerraformTarget): OpenedTerraform {
  const { clock, log } = rest;
  const host = terraformHost(rest);
  return {
    platform: createFleet({
      host,
      router,
      clock,
      prober: networkProber(),
      log,
      parallelism,
      requireStartable,
    }),
    watchDrift: () => host.watchDrift(),
  };
}
