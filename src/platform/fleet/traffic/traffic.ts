import type { ServiceKey } from "../../../domain/ids.ts";
import type { Shares } from "../../../domain/rollout/actions.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { takingTurns } from "../../../lib/limiter.ts";
import { previewedBy, previewKey } from "../../../router/preview-key.ts";
import type { RoutedService, Router } from "../../../router/router.ts";
import type { Background } from "../background.ts";
import type { ServiceNames } from "../host.ts";
import type { Memory } from "../memory.ts";
import { offerNames, splitFrontends } from "./named.ts";
import { idlePreview } from "./preview.ts";
import {
  canSwitch,
  isRefusal,
  nobodyReady,
  routableServers,
  routeSpecOf,
  type ServiceRoute,
} from "./route.ts";
import { isSameRoute, type RoutableServer, routedService, sharesOf } from "./routing.ts";
import { ownPort, ShownPreview } from "./shown-preview.ts";

/** Keeps the router as it has to be: shares as they were asked for, servers as they are. */
export class Traffic {
  readonly #router: Router;
  readonly #memory: Memory;
  readonly #background: Background;
  readonly #names: ServiceNames | undefined;
  readonly #routes = new Map<ServiceKey, ServiceRoute>();
  #asked = 0;
  #asking = 0;

  constructor(router: Router, memory: Memory, background: Background, names?: ServiceNames) {
    this.#router = router;
    this.#memory = memory;
    this.#background = background;
    this.#names = names;
  }

  /** New shares. Resolves when the router has them; a frontend that cannot be opened, or servers that all have failed, leave it as it was. */
  async set(service: ServiceKey, shares: Shares, releases: readonly Release[]): Promise<void> {
    const route = this.#route(service);
    const former = route.spec;
    const spec = routeSpecOf(shares, releases);
    route.spec = spec;
    route.closing = spec === undefined ? (former ?? route.closing) : undefined;
    try {
      await route.apply();
      if (route.refused === spec && spec !== undefined) throw nobodyReady(service, shares);
    } catch (error) {
      if (isRefusal(error) && route.spec === spec) route.spec = former;
      this.nudge(service);
      throw error;
    }
  }

  /** The release that the preview reaches from now on. Resolves when the router has it; throws when its port can't be opened. */
  async show(service: ServiceKey, release: Release | undefined): Promise<void> {
    const { apply, preview, spec } = this.#route(service);
    const port = release?.traffic?.preview;
    const isOwn = spec?.frontends.some(({ listen }) => listen === port) ?? false;
    if (release !== undefined) this.#memory.group(service, release.number);
    preview.want(isOwn ? undefined : release?.number);
    await apply();
    preview.throwFault();
    if (isOwn) throw ownPort(service, port);
  }

  /** The release that the preview reaches. */
  shown(service: ServiceKey): number | undefined {
    return this.#routes.get(service)?.preview.shown;
  }

  /** Resolves when the router has the service's servers as they are now. */
  refresh(service: ServiceKey): Promise<void> {
    return this.#route(service).apply();
  }

  /** The same in the background, as often as it takes. */
  nudge(service: ServiceKey): void {
    const route = this.#route(service);
    route.stale = true;
    if (route.nudged) return;
    route.nudged = true;
    void this.#background.run(`Routing ${service}`, async () => {
      try {
        while (route.stale)
          await this.#background.persist(service, `Routing ${service}`, () => this.#catchUp(route));
      } finally {
        route.nudged = false;
      }
    });
  }

  async #catchUp(route: ServiceRoute): Promise<void> {
    route.stale = false;
    await route.apply();
  }

  /** Equal numbers at two moments, none of them undefined: the router was asked for nothing in between. */
  quietMark(): number | undefined {
    return this.#asking > 0 ? undefined : this.#asked;
  }

  /**
   * Takes in what the running router has. A service that is unknown here is adopted with the shares that its weights
   * amount to; one that the router has differently is applied again.
   */
  learn(observed: readonly RoutedService[], quiet: boolean): void {
    const seen = new Map(observed.map((s) => [s.service, s]));
    for (const key of seen.keys()) {
      const service = previewedBy(key) ?? key;
      if (!this.#routes.has(service)) this.#adopt(service, seen.get(service), seen.get(previewKey(service)));
    }
    if (!quiet) return;
    for (const route of this.#routes.values()) {
      const now = seen.get(route.service) ?? "nothing";
      const isPreviewKnown = route.preview.learn(seen.get(previewKey(route.service)) ?? "nothing");
      if (isPreviewKnown && isSameRoute(route.applied, now)) continue;
      route.applied = now;
      this.nudge(route.service);
    }
  }

  /** The shares that the router has taken; for a service without a way in, those that were last asked for. */
  shares(service: ServiceKey): Shares {
    return this.#routes.get(service)?.confirmed ?? [];
  }

  /**
   * Services that have a way in or shares: also those without a way in from outside, whose shares a rollout moves like
   * any others, and those that the router has forgotten, because it gets them back.
   */
  routed(): readonly ServiceKey[] {
    return [...this.#routes.values()]
      .filter(({ spec, confirmed }) => spec !== undefined && spec.frontends.length + confirmed.length > 0)
      .map((route) => route.service);
  }

  #route(service: ServiceKey): ServiceRoute {
    const known = this.#routes.get(service);
    if (known !== undefined) return known;
    const route: ServiceRoute = {
      service,
      spec: undefined,
      closing: undefined,
      applied: "nothing",
      confirmed: [],
      taken: undefined,
      refused: undefined,
      stale: false,
      nudged: false,
      preview: new ShownPreview(service, (key, wanted) => this.#ask(key, wanted), this.#background),
      apply: takingTurns(() => this.#apply(route)),
    };
    this.#routes.set(service, route);
    return route;
  }

  #adopt(service: ServiceKey, routed: RoutedService | undefined, previewed: RoutedService | undefined): void {
    const route = this.#route(service);
    if (previewed !== undefined) this.#adoptPreview(route, previewed);
    if (routed === undefined) {
      this.nudge(service); // a preview that is left over
      return;
    }
    const shares = sharesOf(routed);
    const preview = previewed?.frontends[0] ?? this.#previewFrontendOf(service, shares);
    const adopted = { shares, ...splitFrontends(routed.frontends), preview, health: routed.health };
    route.applied = routed;
    if (routed.frontends.length > 0 && routed.frontends.every(({ closed }) => closed)) {
      route.closing = adopted;
      return;
    }
    route.spec = adopted;
    route.confirmed = shares;
    route.taken = route.spec;
  }

  #adoptPreview({ preview, service }: ServiceRoute, routed: RoutedService): void {
    preview.adopt(routed);
    if (preview.shown !== undefined) this.#memory.group(service, preview.shown);
  }

  #previewFrontendOf(service: ServiceKey, shares: Shares): TrafficSpec | undefined {
    return idlePreview(
      shares,
      this.#servers(service).map((s) => s.release),
    );
  }

  async #apply(route: ServiceRoute): Promise<void> {
    if (!canSwitch(route, this.#servers(route.service))) {
      route.refused = route.spec;
      route.spec = route.taken;
    }
    const { service, preview } = route;
    const showPreview = () => preview.apply(route.spec, this.#servers(service));
    const previewFirst = preview.conflictsWith(route.spec?.frontends ?? []);
    if (previewFirst) await showPreview();
    await this.#applyTraffic(route);
    if (!previewFirst) await showPreview();
  }

  async #applyTraffic(route: ServiceRoute): Promise<void> {
    const { service, spec } = route;
    const named = this.#names ? await offerNames(this.#names, service, spec, this.#servers(service)) : [];
    const full = spec && { ...spec, frontends: [...spec.frontends, ...named] };
    const isOpen = full !== undefined && full.frontends.length > 0;
    const wanted = isOpen ? routedService(service, full, this.#servers(service)) : this.#closed(route);
    if (!isSameRoute(route.applied, wanted)) {
      if (this.#names && named.length === 0) await this.#names.withdraw(service);
      route.applied = undefined;
      this.#markInTraffic(wanted);
      await this.#ask(service, wanted);
      route.applied = wanted;
    }
    route.confirmed = spec?.shares ?? [];
    route.taken = spec;
  }

  #closed({ service, spec, closing }: ServiceRoute): RoutedService | "nothing" {
    const servers = this.#servers(service);
    if (spec !== undefined || closing === undefined || servers.length === 0) return "nothing";
    const frontends = closing.frontends.map((frontend) => ({ ...frontend, closed: true as const }));
    return frontends.length === 0 ? "nothing" : routedService(service, { ...closing, frontends }, servers);
  }

  async #ask(key: ServiceKey, wanted: RoutedService | "nothing"): Promise<void> {
    const { signal } = this.#background;
    this.#asked++;
    this.#asking++;
    try {
      if (wanted === "nothing") await this.#router.remove(key, { signal });
      else await this.#router.apply(wanted, { signal });
    } finally {
      this.#asking--;
    }
  }

  #servers(service: ServiceKey): readonly RoutableServer[] {
    return routableServers(this.#memory, service);
  }

  /** Before the router is asked, so that a crash or a lost answer cannot make it wrong. */
  #markInTraffic(wanted: RoutedService | "nothing"): void {
    if (wanted === "nothing") return;
    for (const { id, weight } of wanted.upstreams) {
      const member = weight > 0 ? this.#memory.find(id) : undefined;
      if (member !== undefined) member.wasInTraffic = true;
    }
  }
}
