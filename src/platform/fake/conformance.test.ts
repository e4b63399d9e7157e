import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { matchesOf, matchKey } from "../../domain/traffic/listener.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { describeHost, type HostSubject } from "../conformance/describe-host.ts";
import { describePlatform } from "../conformance/describe-platform.ts";
import { describeRouter, type RouterSubject } from "../conformance/describe-router.ts";
import type { PlatformSubject } from "../conformance/platform/subject.ts";
import { FakeCluster } from "./cluster.ts";
import { fakeHost } from "./fake-host.ts";
import { fakePlatform } from "./fake-platform.ts";
import { fakeRouter } from "./fake-router.ts";
import { release } from "./testing.ts";
import { WholeGroup } from "./whole-group.ts";
import { FakeWorld } from "./world.ts";

describePlatform("the fake platform", async () => {
  const clock = new FakeClock(1_000_000);
  let { platform, world } = fakePlatform(clock);
  let turn = 0;
  world.behave("*", { lines: ["hello"], startMs: 30, readyMs: 40, stopMs: 20 });
  return {
    get platform() {
      return platform;
    },
    service: "shop",
    release: (number) => release(number, { traffic: { ...frontend(8080), preview: 8081 } }),
    exiting(number) {
      world.behave(`shop-${number}`, { lines: ["last words"], exitAfterMs: 10, exitCode: 3 });
      return release(number);
    },
    unhealthy(number) {
      world.behave(`shop-${number}`, { status: 500 });
      return release(number, { health: { ...release(number).health, deadlineMs: 2000 } });
    },
    job(kind) {
      const lines = ["begun"];
      world.behave("fine", { lines });
      world.behave("failing", { lines, exitAfterMs: 10, exitCode: 3 });
      world.behave("endless", { lines, exitAfterMs: Number.POSITIVE_INFINITY });
      return {
        release: release(1),
        rollout: 7,
        job: { name: kind, when: "before", command: [kind], deadlineMs: 60_000 },
      };
    },
    shell: ["/bin/sh", "-c"],
    request: async () => {
      const id = world.request("shop", turn++);
      return id === undefined ? undefined : world.servers.get(id)?.release.number;
    },
    requestPreview: async () => {
      const id = world.request("shop_preview", turn++);
      return id === undefined ? undefined : world.servers.get(id)?.release.number;
    },
    kill: async (server) => world.exit(server, 137),
    restart: async () => {
      await platform[Symbol.asyncDispose]();
      platform = fakePlatform(clock, { world }).platform;
    },
    pause: (ms) => clock.advance(ms),
    cleanup: async () => platform[Symbol.asyncDispose](),
  } satisfies PlatformSubject;
});

describePlatform("the fake whole-group engine", async () => {
  const clock = new FakeClock(1_000_000);
  const cluster = new FakeCluster(clock);
  /** Time passes while the data plane is waited for. */
  class Awaited extends WholeGroup {
    override route(...call: Parameters<WholeGroup["route"]>): Promise<void> {
      return clock.settle(super.route(...call));
    }
  }
  let platform = new Awaited(cluster);
  let turn = 0;
  cluster.behave("*", { lines: ["hello"], startMs: 30, readyMs: 40, stopMs: 20 });
  return {
    get platform() {
      return platform;
    },
    service: "shop",
    release,
    exiting(number) {
      cluster.behave(`shop-${number}`, { lines: ["last words"], exitAfterMs: 10, exitCode: 3 });
      return release(number);
    },
    unhealthy(number) {
      cluster.behave(`shop-${number}`, { status: 500 });
      return release(number, { health: { ...release(number).health, deadlineMs: 2000 } });
    },
    request: async () => cluster.request("shop", turn++)?.release.number,
    kill: async (server) => cluster.exit(server, 137),
    exhaust() {
      cluster.quota = cluster.servers.size;
    },
    restart: async () => {
      await platform[Symbol.asyncDispose]();
      platform = new Awaited(cluster);
    },
    pause: (ms) => clock.advance(ms),
    cleanup: async () => {
      await platform[Symbol.asyncDispose]();
      clock[Symbol.dispose]();
    },
  } satisfies PlatformSubject;
});

describeHost("the fake host", async () => {
  const clock = new FakeClock();
  const world = new FakeWorld(clock);
  world.behave("*", { lines: ["hello"] });
  let host = fakeHost(world);
  const server = (slot: number) => ({ id: `shop-1-${slot}-1`, release: release(1) });
  return {
    get host() {
      return host;
    },
    server,
    exiting(slot) {
      world.behave(server(slot).id, { lines: ["last words"], exitAfterMs: 10, exitCode: 3 });
      return server(slot);
    },
    withVolume: (slot) => {
      const { shape } = release(1);
      const volumes = [{ name: "data", path: "/data", shared: false }];
      return { ...server(slot), release: release(1, { shape: { ...shape, volumes } }) };
    },
    job() {
      world.behave("migrate", { lines: ["once"] });
      return { id: "shop-1-7_migrate", release: release(1), command: ["/migrate"] };
    },
    restart: async () => {
      host = fakeHost(world);
    },
    pause: (ms) => clock.advance(ms),
    cleanup: async () => {},
  } satisfies HostSubject;
});

describeRouter("the fake router", async () => {
  const clock = new FakeClock();
  const world = new FakeWorld(clock);
  let router = fakeRouter(world);
  let turn = 0;
  return {
    get router() {
      return router;
    },
    frontends: [frontend(8080), frontend(8081), frontend(8082)],
    backend: async (id) => ({ id, address: "10.0.0.1", port: 8080, weight: 256 }),
    request: async (frontend) => {
      const [asked] = matchesOf(frontend).map(matchKey);
      const leads = (d: TrafficSpec) =>
        d.listen === frontend.listen &&
        matchesOf(d)
          .map(matchKey)
          .includes(asked ?? "");
      const routed = [...world.routes.values()].find((r) => r.frontends.some(leads));
      const targets = routed?.upstreams.filter((t) => t.weight > 0) ?? [];
      return targets[turn++ % Math.max(1, targets.length)]?.id;
    },
    restart: async () => {
      router = fakeRouter(world);
    },
    pause: (ms) => clock.advance(ms),
    cleanup: async () => {},
  } satisfies RouterSubject;
});

function frontend(listen: number) {
  return { mode: "http" as const, listen, host: undefined };
}
