import { isDeepStrictEqual } from "node:util";
import type { ServiceKey } from "../../domain/ids.ts";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { listenersOf } from "../../domain/traffic/listener.ts";
import { type Listener, type ListenPlace, occupies } from "../../lib/process/listeners.ts";
import { previewedBy } from "../preview-key.ts";
import type { RoutedService } from "../router.ts";
import { checkCertificates } from "./config/certificates.ts";
import { assertNoConflict, uniqueFrontends } from "./config/frontends.ts";
import { assertPortsFree, listeners } from "./config/ports.ts";
import { otherRouters } from "./paths.ts";
import {
  observe,
  observeOrClear,
  type RouterContext,
  type RunningRouter,
  servicesOnFile,
} from "./running.ts";

/** Throws unless `apply` could open these frontends now: `traffic_conflict`, `port_taken`, `not_root`, `certificate_invalid`. */
export async function checkFrontends(
  asked: Pick<RoutedService, "service" | "frontends">,
  context: RouterContext,
): Promise<void> {
  const running = await observeOrClear(context);
  const known = running?.services ?? (await servicesOnFile(context));
  // A service and its preview make room for each other.
  assertNoConflict(
    asked,
    known.filter((s) => ownerOf(s.service) !== ownerOf(asked.service)),
  );
  await requirePorts(asked, running, context);
  const present = running?.services.find((s) => s.service === asked.service);
  const isOpen = (frontend: TrafficSpec) =>
    present?.frontends.some((open) => isDeepStrictEqual(open, frontend)) ?? false;
  await checkCertificates(
    asked.service,
    uniqueFrontends(asked.frontends).filter((frontend) => !isOpen(frontend)),
    context,
  );
}

/** Whether a port changes hands: one that another router of this installation has for the same service may be open twice. Throws `port_taken`. */
export async function requirePorts(
  asked: Pick<RoutedService, "service" | "frontends">,
  running: RunningRouter | undefined,
  context: RouterContext,
): Promise<boolean> {
  const ours = (running?.services ?? []).flatMap(portsOf);
  const wanted = placesOf(asked).filter(({ port }) => !ours.includes(port));
  if (wanted.length === 0) return false;
  const isTaken = takenAmong(await listeners());
  const shared = wanted.some(isTaken) ? await portsElsewhere(asked.service, context) : [];
  await assertPortsFree(wanted.filter(({ port }) => !shared.includes(port)));
  return wanted.some(({ port }) => shared.includes(port));
}

/** The ports that other routers of this installation have for this service alone. */
async function portsElsewhere(service: ServiceKey, context: RouterContext): Promise<readonly number[]> {
  const others = await otherRouters(context.state);
  const running = await Promise.all(others.map((paths) => observe({ ...context, paths })));
  return running.flatMap((other) => {
    const [own = [], foreign = []] = [true, false].map((isOwn) =>
      (other?.services ?? [])
        .filter((s) => (ownerOf(s.service) === ownerOf(service)) === isOwn)
        .flatMap(portsOf),
    );
    return own.filter((port) => !foreign.includes(port));
  });
}

/** Where a service has something open. */
export function placesOf({ frontends }: Pick<RoutedService, "frontends">): readonly ListenPlace[] {
  const open = frontends.filter(({ closed }) => !closed);
  return open.flatMap(listenersOf).map(({ listen, port: { address, address6 } }) => {
    if (address === undefined) return { port: listen };
    return { port: listen, addresses: address6 === undefined ? [address] : [address, address6] };
  });
}

function portsOf(service: Pick<RoutedService, "frontends">): readonly number[] {
  return placesOf(service).map(({ port }) => port);
}

export function takenAmong(found: readonly Listener[]): (place: ListenPlace) => boolean {
  return (place) => found.some((listener) => occupies(listener, place));
}

export function ownerOf(key: ServiceKey): ServiceKey {
  return previewedBy(key) ?? key;
}
