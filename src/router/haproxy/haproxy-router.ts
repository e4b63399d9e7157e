import { rm } from "node:fs/promises";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { Logger } from "../../lib/log.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { NewestSecret } from "../certificate.ts";
import { serialQueue } from "../queue.ts";
import type { RoutedService, Router, RouterOptions } from "../router.ts";
import { accessLogReader } from "./access-log/read.ts";
import { accessReceiver } from "./access-log/receive.ts";
import { apply, reloadWith, remove } from "./apply.ts";
import { checkFrontends } from "./check.ts";
import { closeLong } from "./close-long.ts";
import { counts, openSessions } from "./figures.ts";
import { routerPaths } from "./paths.ts";
import { probeHaproxy } from "./process/probe.ts";
import { endAll } from "./process/process.ts";
import { watchMaster } from "./process/watch.ts";
import { type Renewal, renewal } from "./renewal.ts";
import { observe, type RouterContext } from "./running.ts";

export interface HaproxyRouterOptions {
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly log: Logger;
  /** For certificates that are secrets. */
  readonly secret: NewestSecret;
}

/**
 * The router of one machine: HAProxy 2.6 or newer. It holds nothing in memory: what runs is read from HAProxy's
 * runtime socket with every call, so a router made later, by another process, takes it over as it is.
 */
export function haproxyRouter({ state, clock, log, secret }: HaproxyRouterOptions): Router {
  const inTurn = serialQueue();
  const paths = routerPaths(state);
  const renewed = renewal();
  const access = accessReceiver(paths, log);
  const context = ({ signal }: RouterOptions): RouterContext => ({
    state,
    paths,
    clock,
    log,
    secret,
    signal,
    access,
  });
  return {
    probe: probeHaproxy,
    observe: (options) => inTurn(() => observeServices(context(options))),
    apply: (service, options) => inTurn(() => apply(service, context(options))),
    remove: (service, options) => inTurn(() => remove(service, context(options))),
    open: (service, upstream, options) => inTurn(() => openSessions(service, upstream, context(options))),
    closeLong: (service, upstream, progress, options) =>
      closeLong({ service, upstream, progress }, context(options)),
    counts: (service, options) => counts(service, context(options)),
    check: (service, frontends, options) =>
      inTurn(() => checkFrontends({ service, frontends }, context(options))),
    renew: (observed, options) => inTurn(() => renew(observed, renewed, context(options))),
    accessLog: accessLogReader(paths, clock),
    watch: (ended) => {
      const watched = watchMaster(paths.masterSocket, ended);
      return {
        [Symbol.dispose]: () => {
          watched[Symbol.dispose]();
          access[Symbol.dispose]();
        },
      };
    },
    stopIdle: (options) => inTurn(() => stopIdle(context(options))),
    stop: (options) => inTurn(() => stop(context(options))),
  };
}

async function observeServices(context: RouterContext): Promise<readonly RoutedService[]> {
  const services = (await observe(context))?.services ?? [];
  context.access.expect(services);
  return services;
}

async function renew(
  observed: readonly RoutedService[],
  renewed: Renewal,
  context: RouterContext,
): Promise<readonly ServiceWarning[]> {
  const { warnings, tooLarge } = await renewed(observed, context);
  const running = tooLarge ? await observe(context) : undefined;
  if (running) await reloadWith(running.services, running, context);
  return warnings;
}

async function stopIdle(context: RouterContext): Promise<void> {
  const running = await observe(context);
  if (running && running.services.length === 0) await stop(context);
}

async function stop(context: RouterContext): Promise<void> {
  context.access[Symbol.dispose]();
  await endAll(context);
  await rm(context.paths.folder, { recursive: true, force: true });
}
