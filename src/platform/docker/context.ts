import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { EvidenceKeeper } from "../contract/evidence.ts";
import type { ConfigSource, SecretSource } from "../contract/sources.ts";
import type { FleetRecords } from "../fleet/records.ts";
import type { HostInspector } from "../linux/inspector.ts";
import type { ContainerRecord } from "./containers/record.ts";
import type { Removal } from "./containers/removal.ts";
import type { Engine } from "./engine/engine.ts";
import type { EnginePresence } from "./engine/presence.ts";
import type { EngineImages } from "./images.ts";
import type { EngineNames } from "./names.ts";
import type { EngineNetwork } from "./network.ts";

/** What all parts of the Docker host work with. */
export interface DockerContext {
  readonly engine: Engine;
  /** The engine's Unix socket. */
  readonly socket: string;
  readonly names: EngineNames;
  /** Holds a folder for each server: its record, and what is placed in it. */
  readonly folder: string;
  readonly records: FleetRecords<ContainerRecord>;
  readonly images: EngineImages;
  readonly network: EngineNetwork;
  readonly removal: Removal;
  readonly secrets: SecretSource;
  readonly configs: ConfigSource;
  readonly evidence: EvidenceKeeper | undefined;
  readonly presence: EnginePresence;
  readonly inspector: HostInspector;
  readonly clock: Clock;
  readonly log: Logger;
}
