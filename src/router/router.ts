import type { ServerId, ServiceKey } from "../domain/ids.ts";
import type { ServiceWarning } from "../domain/observation.ts";
import type { HealthSpec } from "../domain/spec/server-shape.ts";
import type { TrafficSpec } from "../domain/spec/traffic-spec.ts";
import type { AccessEntry } from "../domain/traffic/access-log.ts";
import type { Frontend } from "../domain/traffic/listener.ts";

/** One server that the router sends requests to. */
export interface Upstream {
  readonly id: ServerId;
  /** IP address. */
  readonly address: string;
  readonly port: number;
  /** Relative to the service's other upstreams, 0 to 256. 0: no new requests, open ones continue (draining). */
  readonly weight: number;
  /** What its release says of it (`TrafficSpec`): during a rollout servers of both ways stand side by side. */
  readonly protocol?: TrafficSpec["protocol"];
  readonly sendProxy?: TrafficSpec["sendProxy"];
}

/** Everything the router has to know of one service. */
export interface RoutedService {
  /** Of a service, or of its preview (`previewKey`): to the router that is another service. */
  readonly service: ServiceKey;
  /** The ways in. More than one while a rollout changes the port or the host name. */
  readonly frontends: readonly Frontend[];
  readonly upstreams: readonly Upstream[];
  /** The router checks upstreams by itself too, so that a dead one costs nothing while no controller runs. */
  readonly health: HealthSpec;
}

/** Since the router was started, or last reloaded. */
export interface UpstreamCounts {
  readonly id: ServerId;
  readonly requests: number;
  /** Answers of 500 and above. */
  readonly errors: number;
  /** Answers by response time: one count for each of `latencyBoundsMs`, and one for what was slower. */
  readonly latency: readonly number[];
}

/** What the router keeps of requests, while it serves: the newest 8 to 16 MiB for each service whose traffic has `accessLog`. */
export interface AccessLog {
  /** The entries of a service and of its preview, oldest first: the last `tail` of them, then, with `follow`, new ones. */
  read(
    service: ServiceKey,
    how: { readonly tail?: number | undefined; readonly follow?: boolean | undefined },
    signal: AbortSignal,
  ): AsyncIterable<RoutedEntry>;
}

/** The router knows no releases. */
export type RoutedEntry = Omit<AccessEntry, "release">;

export interface RouterOptions {
  readonly signal: AbortSignal;
}

export interface RouterReadiness {
  /** e.g. `HAProxy 2.6.12`. */
  readonly facts: readonly string[];
  readonly problems: readonly { readonly what: string; readonly remedy: string }[];
}

/** What gives traffic to servers: a proxy, or the kernel. It outlives the controller; calls may be repeated. */
export interface Router {
  /** What was found, for `kiln doctor`, and why it cannot be used; no problems means that it can. */
  probe(options: RouterOptions): Promise<RouterReadiness>;
  /** What the running router has, read from it (not from memory). Empty when it does not run. */
  observe(options: RouterOptions): Promise<readonly RoutedService[]>;
  /**
   * Makes exactly this so, starting the router if needed; without a reload unless frontends change. Resolves when the
   * running router has it. Throws `port_taken`, `traffic_conflict` or `certificate_invalid` and changes nothing when a
   * frontend cannot be opened.
   */
  apply(service: RoutedService, options: RouterOptions): Promise<void>;
  /** Closes the service's frontends. An unknown service is not an error. */
  remove(service: ServiceKey, options: RouterOptions): Promise<void>;
  /** Open requests or connections of one upstream now; 0 for an unknown one. */
  open(service: ServiceKey, upstream: ServerId, options: RouterOptions): Promise<number>;
  /**
   * Closes connections of one upstream that only pass bytes on, WebSockets and plain TCP, one after the other: each has a
   * moment of its own between 0 and 1, spread evenly, and those whose moment is not after `progress` are closed; one over
   * which bytes are coming just then a little later, and all of them at 1. Requests continue. Absent: the router leaves them
   * to the end of the server.
   */
  closeLong?(
    service: ServiceKey,
    upstream: ServerId,
    progress: number,
    options: RouterOptions,
  ): Promise<void>;
  /** What each upstream has answered so far, of one service or of all; nothing for services of plain TCP and previews. */
  counts(service: ServiceKey | undefined, options: RouterOptions): Promise<readonly UpstreamCounts[]>;
  /**
   * Checks that these frontends could be opened for this service, changing nothing. Throws like `apply`. A certificate that
   * the service has at that frontend already is not looked at again: what serves must not stand against a rollback. A service
   * and its preview are not in each other's way.
   */
  check(service: ServiceKey, frontends: readonly TrafficSpec[], options: RouterOptions): Promise<void>;
  /**
   * Takes over certificates that were renewed, for services as they were just observed; to be called every few seconds.
   * A renewal that can't be used leaves the former certificate in use. Resolves to what is wrong with those in use.
   * Absent: the router ends no TLS.
   */
  renew?(observed: readonly RoutedService[], options: RouterOptions): Promise<readonly ServiceWarning[]>;
  /** Absent: the router keeps no access log. */
  readonly accessLog?: AccessLog;
  /** Calls back soon after the router has ended. Speed only; absent: the next look tells. */
  watch?(ended: () => void): Disposable;
  /** Ends the router as `stop` does if it has no service left; otherwise nothing happens. */
  stopIdle(options: RouterOptions): Promise<void>;
  /** Ends the router and removes its files. For a machine that shall be left clean. */
  stop(options: RouterOptions): Promise<void>;
}
