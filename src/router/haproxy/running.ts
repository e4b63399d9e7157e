import { readTextIfExists } from "../../lib/files/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { NewestSecret } from "../certificate.ts";
import type { RoutedService } from "../router.ts";
import type { AccessReceiver } from "./access-log/receive.ts";
import { parseConfig, parseRecords, spokenBy } from "./config/config.ts";
import { backendName, modesOf } from "./config/names.ts";
import { endAll, type ProcessContext, pidIn, processes } from "./process/process.ts";
import { type LiveServer, type Processes, parseServers } from "./process/replies.ts";
import { ask } from "./process/socket.ts";

/** What every call to the router works with. */
export interface RouterContext extends ProcessContext {
  readonly state: StateFolder;
  readonly log: Logger;
  readonly secret: NewestSecret;
  readonly access: AccessReceiver;
}

/** What the running HAProxy has. */
export interface RunningRouter {
  readonly services: readonly RoutedService[];
  readonly servers: readonly LiveServer[];
  readonly processes: Processes;
}

const settleMs = 10_000;
const pollMs = 10;

/**
 * Undefined when HAProxy does not run. While it is starting, ending or reloading, its processes may say different
 * things: then they are asked again.
 */
export async function observe(context: RouterContext): Promise<RunningRouter | undefined> {
  const { paths, clock, signal } = context;
  const untilMs = clock.elapsed() + settleMs;
  while (clock.elapsed() < untilMs) {
    const [reply, now] = await Promise.all([
      ask(paths.runtimeSocket, ["show info", "show env", "show servers state", "show backend"], signal),
      processes(context),
    ]);
    if (reply === undefined) return undefined;
    if (now?.worker !== undefined && now.worker === pidIn(reply)) {
      return read(reply, now, spokenBy((await readTextIfExists(paths.config)) ?? ""));
    }
    await clock.sleep(pollMs, signal);
  }
  context.log.warn("HAProxy's worker and master do not agree; Kiln treats HAProxy as dead");
  return undefined;
}

/** As `observe`; what is left of a dead HAProxy, and may still hold its ports, is ended. */
export async function observeOrClear(context: RouterContext): Promise<RunningRouter | undefined> {
  const running = await observe(context);
  if (!running) await endAll(context);
  return running;
}

/** What the configuration has: HAProxy would serve it if it started now. */
export async function servicesOnFile({ paths }: RouterContext): Promise<readonly RoutedService[]> {
  return parseConfig((await readTextIfExists(paths.config)) ?? "");
}

function read(reply: string, now: Processes, spoken: ReturnType<typeof spokenBy>): RunningRouter {
  const servers = parseServers(reply);
  const lines = new Set(reply.split("\n"));
  const services = parseRecords(reply)
    // The environment outlives a reload, also the record of a service that is no more; its backend does not.
    .filter((record) => lines.has(mainBackend(record)))
    .map((record) => ({ ...record, upstreams: upstreamsOf(mainBackend(record), servers, spoken) }));
  return { services, servers, processes: now };
}

function mainBackend(service: Pick<RoutedService, "service" | "frontends">): string {
  return backendName(service.service, modesOf(service)[0] ?? "http");
}

function upstreamsOf(
  backend: string,
  servers: readonly LiveServer[],
  spoken: ReturnType<typeof spokenBy>,
): RoutedService["upstreams"] {
  return servers
    .filter((s) => s.backend === backend && !s.maintenance)
    .map(({ name, address, port, weight }) => ({ id: name, address, port, weight, ...spoken.get(name) }));
}
