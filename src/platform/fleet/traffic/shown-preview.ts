import type { ServiceKey } from "../../../domain/ids.ts";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { KilnError, toKilnError } from "../../../lib/errors.ts";
import { previewKey } from "../../../router/preview-key.ts";
import type { RoutedService } from "../../../router/router.ts";
import type { Background } from "../background.ts";
import { routedPreview } from "./preview.ts";
import { isSameRoute, type RoutableServer, type RouteSpec, sharesOf } from "./routing.ts";

/** Gives the router what it shall have, or takes it away. */
export type Ask = (key: ServiceKey, wanted: RoutedService | "nothing") => Promise<void>;

/** The preview of one service, apart from its traffic: a fault in the preview must not hold up the traffic. */
export class ShownPreview {
  readonly #service: ServiceKey;
  readonly #ask: Ask;
  readonly #background: Background;
  /** The release that it shall reach. */
  #wanted: number | undefined;
  #shown: number | undefined;
  /** What the router has; undefined when that is not known. */
  #applied: RoutedService | "nothing" | undefined = "nothing";
  /** Why the last try was in vain. */
  #fault: unknown;

  constructor(service: ServiceKey, ask: Ask, background: Background) {
    this.#service = service;
    this.#ask = ask;
    this.#background = background;
  }

  /** The release that it reaches. */
  get shown(): number | undefined {
    return this.#shown;
  }

  /** From the next `apply` on. */
  want(release: number | undefined): void {
    this.#wanted = release;
  }

  /** Takes over what a former controller has shown. */
  adopt(routed: RoutedService): void {
    this.#applied = routed;
    this.#wanted = sharesOf(routed)[0]?.release;
    this.#shown = this.#wanted;
  }

  /** Takes in what the running router has. False: that differs from what it was given. */
  learn(now: RoutedService | "nothing"): boolean {
    if (isSameRoute(this.#applied, now)) return true;
    this.#applied = now;
    return false;
  }

  /** Whether it holds a port that is needed for the traffic. */
  conflictsWith(frontends: readonly TrafficSpec[]): boolean {
    if (this.#applied === undefined || this.#applied === "nothing") return false;
    const ports = this.#applied.frontends.map(({ listen }) => listen);
    return frontends.some(({ listen }) => ports.includes(listen));
  }

  /** Brings the router up to date. Never throws but when the fleet ends: what was in vain is tried again after the next look. */
  async apply(spec: RouteSpec | undefined, servers: readonly RoutableServer[]): Promise<void> {
    const release = this.#wanted;
    const wanted = routedPreview(this.#service, spec, release, servers);
    try {
      if (!isSameRoute(this.#applied, wanted)) {
        this.#applied = undefined;
        await this.#ask(previewKey(this.#service), wanted);
        this.#applied = wanted;
      }
      this.#shown = release;
      this.#fault = undefined;
    } catch (error) {
      const { signal, log } = this.#background;
      signal.throwIfAborted();
      if (this.#fault === undefined)
        log.warn({ service: this.#service, err: toKilnError(error) }, "the preview could not be changed");
      this.#fault = error;
    }
  }

  /** Throws why the last `apply` was in vain. */
  throwFault(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }
}

/** The traffic has the port that the preview shall have. */
export function ownPort(service: ServiceKey, port: number | undefined): KilnError {
  return new KilnError(
    "traffic_conflict",
    `${service} can't have its preview on port ${port} now: its traffic uses this port until this rollout is over.`,
    { hint: "The rollout continues without a preview. Use another `traffic.preview` port to get one now." },
  );
}
