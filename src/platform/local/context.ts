import type { Release } from "../../domain/rollout/release.ts";
import type { PlatformName } from "../../domain/target.ts";
import type { Lock } from "../../lib/locks.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../contract/call.ts";
import type { HostImage, ImageSource } from "../contract/images.ts";
import type { ConfigSource, SecretSource } from "../contract/sources.ts";
import type { CgroupSupport } from "../linux/cgroups.ts";
import type { HostInspector } from "../linux/inspector.ts";
import type { Bind, PlacedContent } from "../linux/placed-content.ts";
import type { VerifyLayer } from "./image/layer-files.ts";
import type { Root } from "./image/roots.ts";
import type { Network, Port } from "./network/commands.ts";
import type { LocalNetwork } from "./network/network.ts";
import type { HostPaths } from "./paths.ts";
import type { OciConfig } from "./server/oci-config.ts";
import type { ServerRecord, ServerRecords } from "./server/records.ts";
import type { HeldNamespace, UserNamespaces } from "./server/user-namespaces.ts";
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

/** What a server is made from. */
export interface Ingredients {
  readonly record: ServerRecord;
  /** With a job's command, where it is one. */
  readonly image: HostImage;
  readonly content: PlacedContent;
}

/** What is there for a server before its process. */
export interface Around {
  readonly network: Network;
  readonly port: Port;
  readonly held: HeldNamespace | undefined;
  readonly volumes: readonly Bind[];
  readonly call: Call;
}

/**
 * What the process of a server is: the program of its image, or a hypervisor that runs a machine of it. Whatever it is, runc starts it and conmon
 * watches it, with a network namespace, a cgroup and a record of its own.
 */
export interface Runtime {
  /** The platform that the host becomes with it. */
  readonly platform: PlatformName;
  /** Whether its process gets a user namespace of its own. */
  readonly ownUsers: boolean;
  /** What forwards packets in a server's network namespace: the server's own link has its address there, or a machine has, which the link leads to. */
  readonly inside: "process" | "machine";
  /** Makes what servers need that no image has. Repeating it is cheap. */
  prepare(call: Call): Promise<void>;
  root(image: HostImage, release: Release): Root;
  /** Makes the root file system where it is missing. The caller holds the host's lock. */
  ensureRoot(host: HostContext, root: Root): Promise<void>;
  /** Puts what the server needs into its folder; resolves to runc's configuration. */
  place(host: HostContext, from: Ingredients, around: Around): Promise<OciConfig>;
  /** Its process runs, and has read what was only for it. */
  begun?(host: HostContext, record: ServerRecord, call: Call): Promise<void>;
  /** Asks the server to end, and does not wait for that. False: nothing of it runs that could be asked. */
  askToEnd(host: HostContext, record: ServerRecord): Promise<boolean>;
}
