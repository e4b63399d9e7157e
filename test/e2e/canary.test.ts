import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceFigures, ServiceStatus } from "../../src/controller/operations.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { answerPath, type LittleService, littleService, setAnswer } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: canary rollouts, because ${why}.`);

const steps = "steps: [{ share: 50%, hold: 4s, analysis: { requests: 20, interval: 1s, latency: 3 } }]";
const canary = `, strategy: canary, ${steps}`;

describe.skipIf(why !== undefined)("canary, judged by the router's own counts", () => {
  let kiln: Installation;
  let shop: LittleService;
  const status = async () => (await kiln.json<readonly ServiceStatus[]>(["status", "shop"]))[0];

  const setPace = (seconds: number) => setAnswer(shop, `/bin/busybox sleep ${seconds}`);

  /** Asks for the page over and over until the work is done; the number of answers that were not 200. */
  async function underLoad(work: () => Promise<void>): Promise<number> {
    let done = false;
    let lost = 0;
    const ask = async () => {
      while (!done) {
        const answer = await fetch(`http://127.0.0.1:${shop.port}${answerPath}`).catch(() => undefined);
        if (answer?.status !== 200) lost += 1;
        await answer?.text();
      }
    };
    const asking = Array.from({ length: 4 }, ask);
    await work().finally(() => {
      done = true;
    });
    await Promise.all(asking);
    return lost;
  }

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", { rollout: canary });
    await setPace(0.01);
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("a release as good as the old one goes through", async () => {
    await setPace(0.011);
    const lost = await underLoad(async () => {
      await kiln.ok(["deploy"], { cwd: shop.folder });
    });
    expect([(await status())?.serving?.number, lost]).toEqual([2, 0]);
  });

  test("one that is slower is turned back, with the figures", async () => {
    await setPace(0.4);
    const lost = await underLoad(async () => {
      const { code, stdout } = await kiln.run(["deploy"], { cwd: shop.folder });
      expect([code, stdout]).toEqual([
        4,
        expect.stringMatching(
          /95 % were answered within (390|470|560|680|820|1000) ms \(the old one's within \d+ ms; up to \d+ ms is allowed/,
        ),
      ]);
    });
    expect([(await status())?.serving?.number, lost]).toEqual([2, 0]);
    const [of] = await kiln.json<readonly ServiceFigures[]>(["figures", "shop"]);
    const figure = (name: string) => of?.figures.find((one) => one.name === name);
    expect(figure("fail-rate")).toMatchObject({ n: 3, notes: ["1 failed"], events: [expect.any(Number)] });
    expect(figure("image-age")?.value).toBeGreaterThan(0);
  });

  /** Deploys a release that gets no requests. */
  async function pauseUnasked(pace: number): Promise<void> {
    await setPace(pace);
    const { code, stdout } = await kiln.run(["deploy"], { cwd: shop.folder });
    expect([code, stdout]).toEqual([1, expect.stringContaining("0 of the 20 requests")]);
    expect((await status())?.rollout?.phase).toBe("paused");
  }

  test("without traffic nothing can be told: it pauses, and resumed it gathers requests in a new hold", async () => {
    await pauseUnasked(0.012);
    await underLoad(async () => {
      await kiln.ok(["rollout", "resume"], { cwd: shop.folder });
      await waitUntil(async () => (await status())?.serving?.number === 4, 60_000, "release 4 serves");
    });
  });

  test("promoted, it continues without a verdict", async () => {
    await pauseUnasked(0.0125);
    await kiln.ok(["rollout", "promote"], { cwd: shop.folder });
    await waitUntil(async () => (await status())?.serving?.number === 5, 15_000, "release 5 serves");
  });

  test("blue-green with manual promotion waits; another deploy supersedes it", async () => {
    await shop.configure({ rollout: ", strategy: blue-green, promote: manual" });
    await setPace(0.013);
    expect((await kiln.run(["deploy"], { cwd: shop.folder })).stdout).toContain("kiln rollout promote");
    expect((await status())?.servers.filter((s) => s.inTraffic).every((s) => s.release === 5)).toBe(true);
    await setPace(0.014);
    const refused = await kiln.run(["deploy"], { cwd: shop.folder });
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining("rollout_running")]);
    await kiln.run(["deploy", "--supersede"], { cwd: shop.folder });
    await kiln.ok(["rollout", "promote"], { cwd: shop.folder });
    expect((await status())?.serving?.number).toBe(7);
  });
});
