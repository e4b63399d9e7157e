import type { Lock } from "../../lib/locks.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { ImageSource } from "../contract/images.ts";
import type { ConfigSource, SecretSource } from "../contract/sources.ts";
import type { CgroupSupport } from "../linux/cgroups.ts";
import type { HostInspector } from "../linux/inspector.ts";
import type { VerifyLayer } from "./image/layer-files.ts";
import type { LocalNetwork } from "./network/network.ts";
import type { HostPaths } from "./paths.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { ServerRecords } from "./server/records.ts";
import type { UserNamespaces } from "./server/user-namespaces.ts";
import type { VolumeTurns } from "./volumes/turns.ts";

/** What all parts of the local host work with. */
export interface HostContext {
  readonly tag: string;
  readonly paths: HostPaths;
  readonly records: ServerRecords;
  readonly runtime: Runtime;
  readonly images: ImageSource;
  readonly secrets: SecretSource;
  readonly configs: ConfigSource;
  readonly network: LocalNetwork;
  readonly userNamespaces: UserNamespaces;
  readonly cgroups: CgroupSupport;
  readonly inspector: HostInspector;
  readonly verifyLayer: VerifyLayer;
  /** Held while something that servers share (mounts, bridge) is made or removed. */
  readonly shared: Lock;
  readonly volumeTurns: VolumeTurns;
  readonly clock: Clock;
  readonly log: Logger;
}
