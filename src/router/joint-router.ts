import type { Frontend } from "../domain/traffic/listener.ts";
import type { DatagramRouter } from "./datagrams/datagram-router.ts";
import type { RoutedService, Router } from "./router.ts";

/** One router of a proxy, for requests and connections, and another one for datagrams: each has the ways in that it can. */
export function jointRouter(proxy: Router, datagrams: DatagramRouter): Router {
  return {
    ...proxy,
    observe: async (options) => {
      const [connected, sent] = await Promise.all([proxy.observe(options), datagrams.observe(options)]);
      return joined(connected, sent);
    },
    // What gains ways in comes before what loses them.
    apply: async (service, options) => {
      const { sent, connected } = split(service.frontends);
      if (sent.length > 0) await datagrams.apply({ ...service, frontends: sent }, options);
      if (connected.length > 0 || sent.length === 0)
        await proxy.apply({ ...service, frontends: connected }, options);
      else await proxy.remove(service.service, options);
      if (sent.length === 0) await datagrams.remove(service.service, options);
    },
    remove: async (service, options) => {
      await datagrams.remove(service, options);
      await proxy.remove(service, options);
    },
    open: async (service, upstream, options) => {
      const both = [proxy, datagrams].map((router) => router.open(service, upstream, options));
      return (await Promise.all(both)).reduce((sum, open) => sum + open, 0);
    },
    closeLong: async (service, upstream, progress, options) => {
      await proxy.closeLong?.(service, upstream, progress, options);
      await datagrams.closeLong(service, upstream, progress, options);
    },
    check: async (service, frontends, options) => {
      const { sent, connected } = split(frontends);
      if (connected.length > 0) await proxy.check(service, connected, options);
      if (sent.length > 0) await datagrams.check(service, sent, options);
    },
    renew: async (observed, options) => [
      ...((await proxy.renew?.(observed, options)) ?? []),
      ...(await datagrams.renew(observed, options)),
    ],
    stopIdle: async (options) => {
      await datagrams.stopIdle(options);
      await proxy.stopIdle(options);
    },
    stop: async (options) => {
      await datagrams.stop(options);
      await proxy.stop(options);
    },
  };
}

function split<T extends Pick<Frontend, "mode">>(
  frontends: readonly T[],
): { readonly sent: readonly T[]; readonly connected: readonly T[] } {
  return {
    sent: frontends.filter(({ mode }) => mode === "udp"),
    connected: frontends.filter(({ mode }) => mode !== "udp"),
  };
}

/** A service that both have, while a rollout changes the mode, has the ways in of both. */
function joined(
  connected: readonly RoutedService[],
  sent: readonly RoutedService[],
): readonly RoutedService[] {
  const both = new Map(connected.map((service) => [service.service, service]));
  for (const service of sent) {
    const other = both.get(service.service);
    const frontends = [...(other?.frontends ?? []), ...service.frontends];
    both.set(service.service, { ...service, frontends });
  }
  return [...both.values()];
}
