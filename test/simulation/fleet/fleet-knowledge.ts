import type { ServerId, ServiceKey } from "../../../src/domain/ids.ts";
import { parseServerId } from "../../../src/platform/fleet/server-id.ts";
import { Knowledge, type Place, type Presence } from "../rules/knowledge.ts";
import { HealthOracle } from "./health-oracle.ts";
import type { Machine } from "./machine.ts";

/** What there is to know of a machine with a fleet: ids tell whose they are, and health checks are the controller's own. */
export class FleetKnowledge extends Knowledge {
  readonly machine: Machine;
  /** Of the present controller's life. */
  oracle = new HealthOracle();

  constructor(machine: Machine, services: readonly ServiceKey[]) {
    super(machine.time, services);
    this.machine = machine;
  }

  placeOf(id: ServerId): Place | undefined {
    return parseServerId(id);
  }

  isReady(id: ServerId): boolean {
    return this.oracle.isReady(id) && this.machine.isRunning(id);
  }

  readyTakers(service: ServiceKey): readonly ServerId[] {
    return this.machine
      .takers(service)
      .map((t) => t.id)
      .filter((id) => this.isReady(id));
  }

  readyOf(service: ServiceKey, release?: number): readonly ServerId[] {
    return [...this.machine.servers.keys()].filter((id) => {
      if (!this.isReady(id)) return false;
      const name = parseServerId(id);
      return name?.service === service && (release === undefined || name.release === release);
    });
  }

  present(service: ServiceKey): readonly Presence[] {
    return [...this.machine.servers.values()].flatMap(({ record: { id, state } }) => {
      const name = parseServerId(id);
      return name?.service === service && state !== "exited" ? [{ id, release: name.release }] : [];
    });
  }

  inSinceMs(id: ServerId): number {
    return this.machine.inSince.get(id) ?? 0;
  }
}
