import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import { localTarget, type TargetName } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import { unknownServer } from "../servers/unknown-server.ts";
import { type OpenTarget, Site, type SiteParts } from "./site.ts";

/** A server, and the target that it is on, as that was just seen. */
export interface FoundServer {
  readonly site: Site;
  readonly observation: Observation;
}

/** Where a change takes place: where the service is, where a new one is to be, or where one that moves comes to. */
interface Whereabouts {
  readonly service: ServiceKey;
  readonly target?: TargetName | undefined;
  readonly to?: TargetName | undefined;
}

/** Every target at work: which one a service or a server is on. */
export class Targets {
  readonly #parts: SiteParts;
  readonly #sites = new Map<TargetName, Site>();

  constructor(open: readonly OpenTarget[], parts: SiteParts) {
    this.#parts = parts;
    for (const target of open) this.add(target);
  }

  get all(): readonly Site[] {
    return [...this.#sites.values()];
  }

  add(open: OpenTarget): Site {
    const site = new Site(open, this.#parts);
    this.#sites.set(open.target.name, site);
    return site;
  }

  /** Ends the controller's work there. */
  async remove(name: TargetName): Promise<void> {
    const site = this.#sites.get(name);
    this.#sites.delete(name);
    await site?.close();
  }

  /** Throws `target_unknown`. */
  named(name: TargetName): Site {
    const { name: known } = this.#parts.store.target(name);
    const site = this.#sites.get(known);
    if (site !== undefined) return site;
    throw new KilnError("target_unreachable", `The target ${known} is being added or removed.`, {
      hint: "Repeat the command in a moment.",
      retry: true,
    });
  }

  /** Where the service is; a new one, where it is to be. Throws `target_unknown`. */
  of(service: ServiceKey, wanted: TargetName = localTarget.name): Site {
    return this.named(this.#parts.store.targetOf(service) ?? wanted);
  }

  /** Something about the service changed: look at it soon, on both targets of one that moves. */
  poke(service: ServiceKey): void {
    this.of(service).loop.poke(service);
    this.other(service)?.loop.poke(service);
  }

  /** The other target of a service that moves. Undefined also while that one is being opened or closed. */
  other(service: ServiceKey): Site | undefined {
    const name = this.#parts.store.desired(service)?.move?.target;
    return name === undefined ? undefined : this.#sites.get(name);
  }

  /** Where a change is carried out, and planned. Throws `target_unknown`. */
  at({ service, target, to }: Whereabouts): Site {
    return to === undefined ? this.of(service, target) : this.named(to);
  }

  /** Where this server, copy or job is, as far as that was seen. Throws as `find`. */
  async holding(id: ServerId): Promise<Site> {
    const [only, ...others] = this.all;
    return only !== undefined && others.length === 0 ? only : (await this.find(id)).site;
  }

  /**
   * Where this server, copy or job is, with a look that begins after this call. Throws `server_unknown`, and
   * `target_unreachable` when that target cannot be seen.
   */
  async find(id: ServerId): Promise<FoundServer> {
    const { all } = this;
    const known = all.find(({ loop }) => holds(loop.seen(), id));
    if (known !== undefined) return { site: known, observation: await known.loop.observer.see() };
    const glances = await Promise.all(
      all.map(async (site) => ({ site, ...(await site.loop.observer.glance()) })),
    );
    const found = glances.find(({ observation }) => holds(observation, id));
    if (found?.observation !== undefined) return { site: found.site, observation: found.observation };
    const silent = glances.filter(({ trouble }) => trouble !== undefined).map(({ site }) => site.target.name);
    throw unknownServer(
      id,
      glances.flatMap(({ observation }) => observation ?? []),
      silent,
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((site) => site.close()));
  }
}

function holds(observation: Observation | undefined, id: ServerId): boolean {
  if (observation === undefined) return false;
  const { groups, jobs = [], reproductions = [] } = observation;
  return (
    groups.some(({ servers, remains }) => servers.some((s) => s.id === id) || remains.includes(id)) ||
    [...jobs, ...reproductions].some((other) => other.id === id)
  );
}
