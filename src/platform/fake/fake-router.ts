import type { ServiceKey } from "../../domain/ids.ts";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { clashOf } from "../../domain/traffic/listener.ts";
import { KilnError } from "../../lib/errors.ts";
import { previewedBy } from "../../router/preview-key.ts";
import type { Router, RouterOptions } from "../../router/router.ts";
import type { FakeWorld } from "./world.ts";

/** A router in memory: its routes live in `world` and outlast every controller. */
export function fakeRouter(world: FakeWorld): Router {
  const perform = <T>(
    operation: string,
    subject: string | undefined,
    { signal }: RouterOptions,
    work: () => T | Promise<T>,
  ) => world.perform({ part: "router", operation, subject }, signal, work);
  return {
    probe: (options) =>
      perform("probe", undefined, options, () => ({ facts: ["a fake router"], problems: [] })),
    observe: (options) => perform("observe", undefined, options, () => [...world.routes.values()]),
    apply: (routed, options) =>
      perform("apply", routed.service, options, () => {
        requireFrontends(world, routed.service, routed.frontends);
        world.routes.set(routed.service, routed);
      }),
    remove: (service, options) =>
      perform("remove", service, options, () => void world.routes.delete(service)),
    open: (service, id, options) =>
      perform("open", service, options, () => {
        const known = world.routes.get(service)?.upstreams.some((t) => t.id === id) ?? false;
        const open = (world.openRequests.get(id) ?? 0) + (world.longConnections.get(id)?.length ?? 0);
        return known ? open : 0;
      }),
    closeLong: (service, id, progress, options) =>
      perform("closeLong", service, options, () => {
        const stay = world.longConnections.get(id)?.filter((moment) => moment > progress);
        if (stay !== undefined) world.longConnections.set(id, stay);
      }),
    counts: (service, options) =>
      perform("counts", service, options, () => {
        const routes = service === undefined ? [...world.routes.values()] : [world.routes.get(service)];
        const ids = routes.flatMap((route) => route?.upstreams.map((t) => t.id) ?? []);
        return ids.flatMap((id) => world.counts.get(id) ?? []);
      }),
    check: (service, frontends, options) =>
      perform("check", service, options, () => requireFrontends(world, service, frontends, ownerOf)),
    renew: (_observed, options) => perform("renew", undefined, options, () => [...world.warnings]),
    stopIdle: (options) => perform("stopIdle", undefined, options, () => {}),
    stop: (options) => perform("stop", undefined, options, () => world.routes.clear()),
  };
}

function ownerOf(key: ServiceKey): ServiceKey {
  return previewedBy(key) ?? key;
}

/** `nameOf`: services of the same name do not conflict. */
function requireFrontends(
  world: FakeWorld,
  service: ServiceKey,
  frontends: readonly TrafficSpec[],
  nameOf = (key: ServiceKey) => key,
): void {
  for (const frontend of frontends) {
    if (world.takenPorts.has(frontend.listen)) {
      throw new KilnError("port_taken", `Port ${frontend.listen} is taken by another program.`);
    }
    for (const other of world.routes.values()) {
      if (nameOf(other.service) !== nameOf(service) && other.frontends.some((d) => clashOf(d, frontend))) {
        throw new KilnError(
          "traffic_conflict",
          `${service} can't have port ${frontend.listen}: the ${previewedBy(other.service) === undefined ? "service" : "preview of"} ${ownerOf(other.service)} has it already.`,
        );
      }
    }
  }
}
