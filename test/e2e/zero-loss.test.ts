import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RolloutPolicy } from "../../src/domain/spec/rollout-policy.ts";
import { waitUntil, whyNoServers } from "./harness.ts";
import { type Cluster, openCluster } from "./zero-loss/cluster.ts";
import { type Service, services } from "./zero-loss/kinds.ts";
import { type Load, startLoad } from "./zero-loss/load.ts";
import { type Crash, judge, lossLines, reportLines, type Scenario, together } from "./zero-loss/report.ts";
import { killRouter, restartRouter } from "./zero-loss/router-process.ts";
import { type LongEnd, openTcp, openWebSocket, speakUntilClosed } from "./zero-loss/sessions.ts";
import type { Loss, Taking } from "./zero-loss/worker.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: that no request is lost, because ${why}.`);

/** Losses often come a moment after what caused them. */
const afterMs = 1000;
/** The clients have to be under way, those that are slow in the midst of their first answers. */
const warmUpMs = 3000;
const longMs = 400_000;

// Lost is every request that does not get its whole, right answer, whatever the reason: status, reset, close, silence of
// 20 s. WebSockets and plain TCP count by the message, and a conversation that is broken is lost. What a crash has cut is
// counted apart, and only where no server could have answered; docs/router.md says where that is.
describe.skipIf(why !== undefined)("no request is lost", () => {
  let cluster: Cluster;
  let load: Load;
  let between: Taking = { served: {}, lost: [], open: 0 };
  const scenarios: Scenario[] = [];

  beforeAll(async () => {
    cluster = await openCluster();
    load = startLoad(cluster.frontends);
    await load.take();
    await sleep(warmUpMs);
  }, longMs);
  afterAll(async () => {
    load?.[Symbol.dispose]();
    await cluster?.[Symbol.asyncDispose]();
    console.log(reportLines(scenarios).join("\n"));
  });

  const noCrash = { crashes: [] as Crash[], survives: (_: Loss) => 0 };

  async function under(name: string, work: () => Promise<unknown>, crash = noCrash): Promise<void> {
    await interlude();
    const startMs = Date.now();
    await work();
    await sleep(afterMs);
    keep(name, startMs, await takeOfEvery(load), crash);
  }

  /** What prepared the scenario is counted too, but not with it. */
  async function interlude(): Promise<void> {
    const taken = await load.take();
    between = together(between, taken);
    expect(lossLines(taken.lost)).toEqual([]);
  }

  function keep(name: string, startMs: number, { served, lost }: Taking, crash = noCrash): void {
    const losses = judge(lost, crash.crashes, crash.survives);
    scenarios.push({ name, seconds: (Date.now() - startMs) / 1000, served, ...losses });
    expect(lossLines(losses.lost)).toEqual([]);
  }

  async function rollOut(policy: Partial<RolloutPolicy>): Promise<void> {
    await cluster.ended(await cluster.deploy(policy), "complete");
    await cluster.atRest();
  }

  /** So long after the start of rollouts, or the last kill during them, that some still run. */
  async function inTheMidst(policy: Partial<RolloutPolicy>, delayMs: number): Promise<void> {
    do {
      if ((await cluster.rolling()) === 0) await cluster.deploy({ bakeMs: 1500, ...policy });
      await sleep(delayMs);
    } while ((await cluster.rolling()) === 0);
  }

  test("rolling", () => under("rolling", () => rollOut({})));

  test("blue-green", () => under("blue-green", () => rollOut({ strategy: "blue-green" })));

  test("canary", () =>
    under("canary", () => rollOut({ strategy: "canary", steps: [{ share: 0.5, holdMs: 1500 }] })));

  test("a rollback to a group that is warm", async () => {
    await cluster.ended(await cluster.deploy({ keepWarmMs: 300_000 }), "complete");
    await under("rollback, warm", async () => cluster.ended(await cluster.rollback(), "complete"));
  });

  test("a rollback to a group that is gone", async () => {
    await rollOut({});
    await under("rollback, cold", async () => {
      await cluster.ended(await cluster.rollback(), "complete");
      await cluster.atRest();
    });
  });

  test("an abort, at once and when the traffic has moved", () =>
    under("abort", async () => {
      const first = await cluster.deploy({});
      await cluster.abort();
      await cluster.ended(first, "rolled-back");
      const second = await cluster.deploy({ strategy: "blue-green", bakeMs: 60_000 });
      await cluster.moved(second);
      await cluster.abort();
      await cluster.ended(second, "rolled-back");
      await cluster.atRest();
    }));

  test("more servers and fewer", () =>
    under("scale", async () => {
      for (const count of [4, 1, 2]) {
        await cluster.scale(count);
        await cluster.atRest();
      }
    }));

  test("the controller is restarted", () =>
    under("controller restart", async () => {
      await cluster.deploy({});
      await cluster.kiln.ok(["controller", "stop"]);
      await cluster.kiln.ok(["controller", "start"]);
      await cluster.atRest();
    }));

  test(
    "the controller is killed with SIGKILL at twenty random moments of rollouts",
    () =>
      under("kill -9 of the controller", async () => {
        const moments = Array.from({ length: 20 }, () => Math.floor(Math.random() * 1500));
        for (const [round, moment] of moments.entries()) {
          await inTheMidst(round % 2 === 0 ? {} : { strategy: "blue-green" }, moment);
          await cluster.killController();
          await cluster.kiln.ok(["controller", "start"]);
        }
        await cluster.atRest();
        console.log(`killed after ${moments.join(", ")} ms`);
      }),
    longMs,
  );

  test("the router reads its configuration again, and is restarted by its master", () =>
    under("router reload and restart", async () => {
      for (let round = 0; round < 3; round++) {
        await cluster.passingService();
        await restartRouter(cluster.kiln.home);
      }
      await cluster.atRest();
    }));

  test("the certificate is renewed", () => under("renewed certificate", () => cluster.renewCertificate()));

  test("connections without an end are closed one after the other at the end of the drain time, not before", async () => {
    const drainMs = 8000;
    await rollOut({ drainMs });
    const ends = Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        i % 2 === 0
          ? speakUntilClosed(openWebSocket(cluster.frontends.http))
          : speakUntilClosed(openTcp(cluster.frontends.tcp)),
      ),
    );
    await under("long connections", () => rollOut({ drainMs, strategy: "blue-green" }));
    const times = (await ends).map(({ atMs }) => atMs).sort((a, b) => a - b);
    const spreadMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
    console.log(`${times.length} long connections closed within ${spreadMs} ms; ${wordsOf(await ends)}`);
    // The old servers are told to go within a moment of each other; at most their share of the last quarter is between.
    expect(spreadMs).toBeGreaterThan(drainMs / 8);
  });

  // Only what can be asked twice, and of which no answer has begun, can be asked of another server; and only once.
  test("servers are killed with SIGKILL", async () => {
    const crashes: Crash[] = [];
    const kill = async () => {
      for (const service of services) crashes.push(await crash(service, () => cluster.killServer(service)));
    };
    await under(
      "kill -9 of servers",
      async () => {
        for (let round = 0; round < 3; round++) {
          await kill();
          await cluster.atRest();
        }
      },
      { crashes, survives: ({ repeatable }) => (repeatable ? 1 : 0) },
    );
  });

  // Connections end with the process that holds them, and until there is another one no process listens.
  test("the router is killed with SIGKILL", async () => {
    const crashes: Crash[] = [];
    await under(
      "kill -9 of the router",
      async () => {
        crashes.push(await crash(undefined, () => killRouter(cluster.kiln.home)));
        await sleep(warmUpMs);
      },
      { crashes, survives: () => 0 },
    );
    console.log(`the router was back after ${crashes.map((c) => c.untilMs - c.fromMs)} ms`);
  });

  test("what was asked between them, and what was still open when all was over", async () => {
    await cluster.atRest();
    const startMs = Date.now();
    keep("between, and the last", startMs, together(between, await load.stop()));
  });
});

/** What has ended, as soon as every kind of client has had an answer: one that has nothing to say proves nothing. */
async function takeOfEvery(load: Load): Promise<Taking> {
  let all = await load.take();
  await waitUntil(
    async () => {
      all = together(all, await load.take());
      return Object.values(all.served).every((count) => count > 0);
    },
    60_000,
    "every kind of client has had an answer",
  );
  return all;
}

async function crash(service: Service | undefined, work: () => Promise<unknown>): Promise<Crash> {
  const fromMs = Date.now();
  await work();
  return { service, fromMs, untilMs: Date.now() };
}

function wordsOf(ends: readonly LongEnd[]): string {
  const inMessage = ends.filter((end) => end.inMessage).length;
  const answers = ends.reduce((sum, end) => sum + end.answers, 0);
  return `${answers} messages were answered, ${inMessage} cut`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
