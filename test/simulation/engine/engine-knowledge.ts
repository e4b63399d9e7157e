import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import type { Clock } from "../../../src/lib/time/clock.ts";
import { Knowledge, type Place, type Presence } from "../rules/knowledge.ts";
import type { Engine } from "./engine.ts";

/** What there is to know of an engine: ids tell nothing, and its own health checks count. */
export class EngineKnowledge extends Knowledge {
  readonly engine: Engine;
  /** Of servers that may be gone. */
  readonly #places = new Map<ServerId, Place>();

  constructor(engine: Engine, time: Clock, services: readonly ServiceKey[]) {
    super(time, services);
    this.engine = engine;
  }

  learn({ groups }: Observation): void {
    for (const { service, release, servers } of groups)
      for (const { id } of servers) this.#places.set(id, { service, release });
  }

  placeOf(id: ServerId): Place | undefined {
    const server = this.engine.servers.get(id);
    if (server === undefined) return this.#places.get(id);
    return { service: server.service, release: server.release.number };
  }

  isReady(id: ServerId): boolean {
    const server = this.engine.servers.get(id);
    return server?.state === "ready" && server.process === "running";
  }

  readyTakers(service: ServiceKey): readonly ServerId[] {
    return [...(this.engine.endpoints.get(service) ?? [])].filter((id) => this.isReady(id));
  }

  readyOf(service: ServiceKey, release?: number): readonly ServerId[] {
    return [...this.engine.servers.values()]
      .filter((s) => s.service === service && (release === undefined || s.release.number === release))
      .map(({ id }) => id)
      .filter((id) => this.isReady(id));
  }

  present(service: ServiceKey): readonly Presence[] {
    return [...this.engine.servers.values()]
      .filter((s) => s.service === service)
      .map(({ id, release }) => ({ id, release: release.number }));
  }

  /** A look tells of servers as they were: nobody has to know of one before it has shown it. */
  inSinceMs(): number {
    return Number.POSITIVE_INFINITY;
  }
}
