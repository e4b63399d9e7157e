import type { Observation } from "../../domain/observation.ts";
import type { TrafficCounter } from "../../domain/traffic/traffic.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { endingBy } from "../../lib/time/ending-by.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { UsageReader } from "../../platform/contract/reading.ts";
import type { Store } from "../../store/store.ts";
import type { Operations, ServiceUsage } from "../operations.ts";
import type { Site } from "../targets/site.ts";
import type { Targets } from "../targets/targets.ts";

interface UsageParts {
  readonly store: Pick<Store, "desiredAll">;
  readonly targets: Pick<Targets, "all">;
  readonly clock: Clock;
}

/** Someone looks at it again and again: what does not answer in time is not waited for. */
const deadlineMs = 3_000;

type Usages = Awaited<ReturnType<UsageReader["read"]>>;

/** What was read of one target, or why not. */
interface Reading {
  readonly observation: Observation | undefined;
  readonly usages: Usages | undefined;
  readonly counters: readonly TrafficCounter[] | undefined;
  readonly unknown: readonly string[];
}

/** What servers use and answer: counters since they began, as the platform and the router keep them. Nothing is remembered between two calls. */
export function createUsage({ store, targets, clock }: UsageParts): Pick<Operations, "usage"> {
  return {
    usage: async () => {
      const services = store.desiredAll();
      const used = new Set(services.map(({ target }) => target));
      const sites = targets.all.filter(({ target }) => used.has(target.name));
      const readings = new Map(
        await Promise.all(sites.map(async (site) => [site.target.name, await read(site, clock)] as const)),
      );
      const atMs = clock.now();
      return services.flatMap(({ service, target, serving }) => {
        const reading = readings.get(target);
        return reading === undefined ? [] : [usageOf({ service, target, serving, atMs }, reading)];
      });
    },
  };
}

function usageOf(
  of: Pick<ServiceUsage, "service" | "target" | "serving" | "atMs">,
  { observation, usages, counters, unknown }: Reading,
): ServiceUsage {
  const groups = observation?.groups.filter(({ service }) => service === of.service) ?? [];
  const servers = groups.flatMap(({ release, servers }) =>
    servers.map(({ id, state, inTraffic }) => ({
      ...{ id, release, state, inTraffic, cpuMs: undefined, memoryBytes: undefined },
      ...usages?.get(id),
    })),
  );
  const own = counters?.filter(({ service }) => service === of.service);
  const traffic = own?.map(({ service: _service, ...counter }) => ({
    ...counter,
    latency: [...counter.latency],
  }));
  return { ...of, servers, traffic, unknown: [...unknown] };
}

async function read({ platform, loop }: Site, clock: Clock): Promise<Reading> {
  const call: Call = { signal: AbortSignal.timeout(deadlineMs), deadline: clock.now() + deadlineMs };
  const { observation, trouble } = await loop.observer.glance();
  const ids = observation?.groups.flatMap(({ servers }) => servers.map(({ id }) => id)) ?? [];
  const [usages, counters] = await Promise.all([
    known("CPU and memory", platform, platform.usage?.read(ids, call), call),
    known("traffic", platform, platform.traffic?.read(undefined, call), call),
  ]);
  return {
    ...{ observation, usages: usages.value, counters: counters.value },
    unknown: [
      ...(trouble === undefined ? [] : [`servers are as they were last seen: ${trouble.message}`]),
      ...[usages.why, counters.why].filter((why) => why !== undefined),
    ],
  };
}

/** `answer` undefined: the platform cannot tell. */
async function known<Value>(
  what: string,
  { name }: { readonly name: string },
  answer: Promise<Value> | undefined,
  { signal }: Call,
): Promise<{ readonly value?: Value; readonly why?: string }> {
  if (answer === undefined) return { why: `${what}: the platform ${name} does not tell` };
  try {
    return { value: await endingBy(signal, answer) };
  } catch (error) {
    return { why: `${what}: ${toKilnError(error).message}` };
  }
}
