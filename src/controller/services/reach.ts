import type { ServiceKey } from "../../domain/ids.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import { mayReach } from "../../domain/spec/network.ts";
import type { ServiceStatus } from "../operations.ts";

/** Who may reach whom by name, among the services of one target, by the releases that serve. */
export function reachOf(service: ServiceKey, all: readonly DesiredService[]): ServiceStatus["reach"] {
  const own = all.find((other) => other.service === service);
  if (own === undefined) return undefined;
  const others = all.filter((other) => other.service !== service && other.target === own.target);
  const callers = others.filter((other) => isOpenTo(other.service, own));
  const callees = others.filter((other) => isOpenTo(service, other));
  const names = (some: readonly DesiredService[]) => some.map((one) => one.service).toSorted();
  return {
    allow: [...(servingOf(own)?.network?.allow ?? ["*"])],
    callers: names(callers),
    callees: names(callees),
  };
}

/** A service without a port has nothing to reach. */
function isOpenTo(caller: ServiceKey, callee: DesiredService): boolean {
  const { shape, network } = servingOf(callee) ?? {};
  return shape?.port !== undefined && mayReach(caller, callee.service, network?.allow);
}

function servingOf({ serving, releases }: DesiredService) {
  return serving === undefined ? undefined : releases.get(serving);
}
