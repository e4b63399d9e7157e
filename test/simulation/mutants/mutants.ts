import type { Observation } from "../../../src/domain/observation.ts";
import type { Shares } from "../../../src/domain/rollout/actions.ts";
import { previewedBy, previewKey } from "../../../src/router/preview-key.ts";
import type { Store } from "../../../src/store/store.ts";
import { type QualityMix, qualities } from "../nature.ts";
import type { Concern } from "../policy/written.ts";
import { type WorldName, worldNames } from "../world.ts";
import type { Mutation } from "./mutation.ts";

/** A bug, and the rule of the referee that is there to catch it. */
export interface Mutant extends Mutation {
  readonly caughtBy: string;
  /** Where it has to be found; absent: on a fleet. */
  readonly on?: readonly WorldName[];
  /** What the releases are like, so that it shows soon. */
  readonly qualities?: QualityMix;
  /** What policies are about; absent: there are none. */
  readonly policies?: Concern;
}

/** Bugs as they happen in programs like this one, put back in at the seams: what the simulation is there to find. */
export const mutants: Readonly<Record<string, Mutant>> = {
  "requests that are open when a server leaves are not waited for": {
    caughtBy: "drained-before-stopped",
    router: (router) => ({ ...router, open: async () => 0 }),
  },
  "a server that leaves keeps its traffic until it stops": {
    caughtBy: "drained-before-stopped",
    router: (router) => ({
      ...router,
      apply: (routed, options) => {
        const upstreams = routed.upstreams.map((target) => ({ ...target, weight: 256 }));
        return router.apply({ ...routed, upstreams }, options);
      },
    }),
  },
  "a server that is ready again counts as progress": {
    caughtBy: "no-rollout-is-stuck",
    qualities: { ...qualities, flapping: 100 },
    store: (store, now) => ({
      ...store,
      recordServers: (news, failures) => {
        store.recordServers(news, failures);
        for (const { service, kind } of news) if (kind === "server.ready") comeForward(store, service, now());
      },
    }),
  },
  "a rollback that fails is rolled back": {
    caughtBy: "rollback-is-never-rolled-back",
    qualities: { ...qualities, mortal: 100, exits: 60, liar: 40 },
    store: (store) => ({
      ...store,
      apply: (service, change, reason) => {
        const isRollback = store.desired(service)?.rollout?.kind === "rollback";
        if (!isRollback || change.kind !== "end" || change.phase !== "failed") {
          return store.apply(service, change, reason);
        }
        const { rollout, atMs } = change;
        return store.apply(service, { kind: "turn-back", rollout, atMs }, reason);
      },
    }),
  },
  "a look at the platform that fails sees nothing": {
    caughtBy: "failed-observe-does-nothing",
    on: worldNames,
    platform: (platform) => ({
      ...platform,
      observe: (call) => platform.observe(call).catch(() => ({ groups: [], routed: [] })),
    }),
  },
  "a host that cannot list its servers has none": {
    caughtBy: "observed-is-complete",
    host: (host) => ({ ...host, list: (call) => host.list(call).catch(() => []) }),
  },
  "a connection that is refused makes a server ready": {
    caughtBy: "traffic-only-to-ready",
    prober: (prober) => ({
      probe: async (target, signal) => ({ ...(await prober.probe(target, signal)), ok: true }),
    }),
  },
  "a server that has started counts as ready and in traffic": {
    caughtBy: "capacity-kept",
    on: worldNames,
    platform: (platform) => ({ ...platform, observe: async (call) => rosy(await platform.observe(call)) }),
  },
  "a preview reaches whatever has an address": {
    caughtBy: "preview-only-of-the-new",
    router: (router) => ({
      ...router,
      apply: async (routed, options) => {
        await router.apply(routed, options);
        if (previewedBy(routed.service) !== undefined) return;
        const key = previewKey(routed.service);
        const preview = (await router.observe(options)).find(({ service }) => service === key);
        if (preview !== undefined) await router.apply({ ...preview, upstreams: routed.upstreams }, options);
      },
    }),
  },
  "a preview is left open": {
    caughtBy: "preview-only-of-the-new",
    platform: (platform) => ({
      ...platform,
      preview: async (service, release, call) => {
        if (release !== undefined) await platform.preview?.(service, release, call);
      },
    }),
  },
  "a group that nobody needs is left where it is": {
    caughtBy: "comes-to-rest",
    on: ["engine"],
    platform: (platform) => ({
      ...platform,
      resize: async (group, size, call) => {
        if (size > 0) await platform.resize(group, size, call);
      },
    }),
  },
  "a group is taken for gone as soon as that was asked for": {
    caughtBy: "one-release-writes",
    on: worldNames,
    platform: (platform) => ({ ...platform, observe: async (call) => hasty(await platform.observe(call)) }),
  },
  "the traffic is taken for moved as soon as that was asked for": {
    caughtBy: "capacity-kept",
    on: ["engine"],
    platform: (platform) => {
      const asked = new Map<string, Shares>();
      return {
        ...platform,
        route: async (service, shares, releases, call) => {
          asked.set(service, shares);
          await platform.route(service, shares, releases, call).catch(() => {});
        },
        observe: async (call) => believing(await platform.observe(call), asked),
      };
    },
  },
  "what failed is not tried again": {
    caughtBy: "comes-to-rest",
    clock: (clock) => ({
      ...clock,
      sleep: (ms, signal) => (ms >= 200 ? untilAborted(signal) : clock.sleep(ms, signal)),
    }),
  },
  "the router's refusals are taken for success": {
    caughtBy: "stopped-only-out-of-traffic",
    router: (router) => {
      const takers = new Map<string, number>();
      return {
        ...router,
        apply: async (routed, options) => {
          const { length } = routed.upstreams.filter((target) => target.weight > 0);
          // It refuses to take servers away, so that it shows soon.
          if (length > 0 && length < (takers.get(routed.service) ?? 0)) return;
          takers.set(routed.service, length);
          await router.apply(routed, options).catch(() => {});
        },
      };
    },
  },
  "a freeze is forgotten": {
    caughtBy: "no-deploy-begins-in-a-freeze",
    on: worldNames,
    store: (store) => ({ ...store, policies: { ...store.policies, freezes: () => [] } }),
  },
  "a job that has failed counts as done": {
    caughtBy: "before-jobs-first",
    store: (store) => ({
      ...store,
      apply: (service, change, reason) => {
        if (change.kind !== "job-ended") return store.apply(service, change, reason);
        const end = { ...change.end, outcome: "succeeded" } as const;
        return store.apply(service, { ...change, end }, reason);
      },
    }),
  },
  "a job that is not needed any more goes on": {
    caughtBy: "jobs-end",
    platform: (platform) => {
      const { jobs } = platform;
      return jobs === undefined
        ? platform
        : { ...platform, jobs: { run: jobs.run, forget: jobs.forget, end: async () => {} } };
    },
  },
  "a job is begun again by every controller": {
    caughtBy: "jobs-run-once",
    host: (host, machine) => ({
      ...host,
      list: async (call) => {
        const ended = (id: string) => machine.jobExits.has(id);
        const servers = await host.list(call);
        return servers.map((s) => (ended(s.id) ? { ...s, state: "creating" as const, exit: undefined } : s));
      },
      runJob: async (job, call) => {
        machine.servers.delete(job.id);
        if (host.runJob === undefined) throw new Error("the fake host runs jobs");
        return host.runJob(job, call);
      },
    }),
  },
  "a clock that is set takes the deadlines with it": {
    caughtBy: "deadline-in-full",
    clock: (clock) => ({ ...clock, now: () => clock.now() + clock.stepMs(), stepMs: () => 0 }),
  },
  "deadlines are counted twice as fast": {
    caughtBy: "deadline-in-full",
    on: worldNames,
    clock: (clock) => {
      const startMs = clock.now();
      return { ...clock, now: () => startMs + 2 * (clock.now() - startMs) };
    },
  },
};

/** What the store must not do: the highest number stays as it is, and its time begins anew. */
function comeForward(store: Store, service: string | undefined, atMs: number): void {
  const rollout = service === undefined ? undefined : store.desired(service)?.rollout;
  if (service === undefined || rollout?.phase !== "forward") return;
  const { id, highestReady } = rollout;
  const change = { kind: "progress", rollout: id, highestReady, atMs } as const;
  store.apply(service, change, "a server has become ready");
}

function rosy({ groups, ...rest }: Observation): Observation {
  const ready = groups.map((group) => ({
    ...group,
    servers: group.servers.map((s) =>
      s.state === "starting" ? { ...s, state: "ready" as const, inTraffic: true } : s,
    ),
  }));
  return { ...rest, groups: ready };
}

/** Shows nothing of servers that are on their way out. */
function hasty({ groups, ...rest }: Observation): Observation {
  const shown = groups.map((group) => ({
    ...group,
    servers: group.servers.filter((s) => group.size !== 0 && s.state !== "draining"),
    remains: [],
  }));
  return { ...rest, groups: shown };
}

/** Shows the shares that were asked for last in place of those that there are. */
function believing({ groups, ...rest }: Observation, asked: ReadonlyMap<string, Shares>): Observation {
  const shown = groups.map((group) => {
    const shares = asked.get(group.service);
    if (shares === undefined) return group;
    const { share = 0 } = shares.find(({ release }) => release === group.release) ?? {};
    const servers = group.servers.map((s) => ({ ...s, inTraffic: share > 0 && s.state === "ready" }));
    return { ...group, share, servers };
  });
  return { ...rest, groups: shown };
}

function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
