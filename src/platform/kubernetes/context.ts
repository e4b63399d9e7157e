import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { EvidenceKeeper } from "../contract/evidence.ts";
import type { ImagePacker, ImagePusher } from "../contract/images.ts";
import type { ConfigSource, SecretSource } from "../contract/sources.ts";
import type { Cluster } from "./cluster.ts";
import type { Exposure } from "./objects/objects.ts";

/** What all parts of the platform work with. */
export interface KubernetesContext {
  readonly cluster: Cluster;
  readonly images: ImagePacker & ImagePusher;
  readonly secrets: SecretSource;
  readonly configs: ConfigSource;
  /** Absent: none is kept. */
  readonly evidence?: EvidenceKeeper | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Holds a folder for each server that someone was let into: an absolute path. */
  readonly sessions: string;
  /** Where images are put for the nodes: `registry.example/team`, with `http://` in front for one on this machine. */
  readonly registry: string;
  /** Name of a Secret in the namespace. */
  readonly pullSecret: string | undefined;
  readonly exposure: Exposure;
  /** From a change of a Service's endpoints until every node has it. */
  readonly settleMs: number;
}
