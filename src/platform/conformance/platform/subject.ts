import type { ServerId, ServiceKey } from "../../../domain/ids.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { JobOrder } from "../../contract/jobs.ts";
import type { Platform } from "../../contract/platform.ts";
import type { ConformanceSubject } from "../subject.ts";

/** A platform with a service for the test. Optional members are tested when they are there. */
export interface PlatformSubject extends ConformanceSubject {
  readonly platform: Platform;
  readonly service: ServiceKey;
  /** Healthy servers that write the line `hello` when they start. */
  release(number: number): Release;
  /** Servers that write `last words` and exit with code 3. */
  exiting?(number: number): Release;
  /** Servers that run and never become healthy within a short deadline. */
  unhealthy?(number: number): Release;
  /**
   * A job of release 1 and rollout 7 that writes `begun`, and then ends well, exits with code 3, or runs until it is
   * stopped.
   */
  job?(kind: "fine" | "failing" | "endless"): JobOrder;
  /** One request through the service's way in: the release that answered it, or undefined when it was lost. */
  request?(): Promise<number | undefined>;
  /** The same through the preview port, which every `release` here has. */
  requestPreview?(): Promise<number | undefined>;
  /** A shell of every server's, up to the script that it runs; needed where people are let in. */
  readonly shell?: readonly string[];
  /** From now on there may be no more servers than there are. */
  exhaust?(): void | Promise<void>;
  /**
   * False where the data plane does not send a request elsewhere when a server refuses it: then the end of a server costs those that reach it
   * before the platform has noticed. Absent: it does.
   */
  readonly retries?: false;
  /** Ends a server's process from outside. */
  kill?(server: ServerId): Promise<void>;
  /** Ends the controller's half of the platform and starts a new one over the same servers. */
  restart?(): Promise<void>;
}
