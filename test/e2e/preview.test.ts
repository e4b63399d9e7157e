import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { freePort } from "../../src/lib/testing.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: previews of releases, because ${why}.`);

const manual = ", strategy: blue-green, promote: manual";

describe.skipIf(why !== undefined)("a preview reaches the new release alone", () => {
  let kiln: Installation;
  let shop: LittleService;
  let port: number;
  const status = async () => (await kiln.json<readonly ServiceStatus[]>(["status", "shop"]))[0];

  async function preview(host = "localhost"): Promise<string | number> {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { host } });
    const text = await answer.text();
    return answer.status === 200 ? text : answer.status;
  }

  /** What both ways in answer while the work is done. */
  async function underLoad(work: () => Promise<void>) {
    let done = false;
    const seen = { traffic: new Set<string>(), preview: new Set<string | number>(), asked: 0, lost: 0 };
    const buy = async () => {
      while (!done) {
        const page = await shop.page();
        seen.asked += 1;
        if (page === undefined) seen.lost += 1;
        else seen.traffic.add(page);
      }
    };
    const look = async () => {
      while (!done) seen.preview.add(await preview());
    };
    const asking = [buy(), buy(), buy(), look()];
    await work().finally(() => {
      done = true;
    });
    await Promise.all(asking);
    return seen;
  }

  const deploy = async (page: string) => {
    await shop.setPage(page);
    return kiln.ok(["deploy"], { cwd: shop.folder });
  };
  const closed = () => waitUntil(async () => (await preview()) === 503, 15_000, "the preview is closed");

  beforeAll(async () => {
    kiln = await install();
    port = await freePort();
    shop = await littleService(kiln, "shop", { rollout: manual, traffic: `, preview: ${port}` });
    await deploy("one");
    await closed();
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("while the new release waits it is there, and the traffic is not; promoted it is the other way round", async () => {
    const waiting = await underLoad(async () => {
      const { stdout } = await deploy("two");
      expect(stdout).toContain(`preview http://localhost:${port}`);
      for (const host of ["localhost", "anything.example.com"]) expect(await preview(host)).toBe("two");
    });
    expect([waiting.lost, waiting.traffic, waiting.asked > 20]).toEqual([0, new Set(["one"]), true]);
    expect([...waiting.preview].filter((p) => p !== 503 && p !== "two")).toEqual([]);
    expect((await status())?.preview).toEqual({ release: 2, address: `http://localhost:${port}` });
    expect((await kiln.ok(["rollout", "show", "shop"])).stdout).toContain(`preview http://localhost:${port}`);
    const promoted = await underLoad(async () => {
      await kiln.ok(["rollout", "promote"], { cwd: shop.folder });
      await closed();
    });
    expect([promoted.lost, await shop.page(), (await status())?.preview]).toEqual([0, "two", undefined]);
    expect([...promoted.preview].filter((p) => p !== 503 && p !== "two")).toEqual([]);
  });

  test("it stays without the controller, and the next one closes it when the rollout is aborted", async () => {
    const seen = await underLoad(async () => {
      await deploy("three");
      const pid = await kiln.controllerPid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      await waitUntil(async () => (await kiln.controllerPid()) === undefined, 15_000, "the controller ends");
      expect(await preview()).toBe("three");
      expect((await status())?.preview?.release).toBe(3);
      expect(await preview()).toBe("three");
      await kiln.run(["rollout", "abort"], { cwd: shop.folder });
      await closed();
    });
    expect([seen.lost, seen.traffic, await shop.page()]).toEqual([0, new Set(["two"]), "two"]);
    expect([...seen.preview].filter((p) => p !== 503 && p !== "three")).toEqual([]);
  });

  test("a port that another program or service has is refused with the reason", async () => {
    const taken = await freePort();
    const other = createServer().listen(taken, "0.0.0.0");
    try {
      await shop.configure({ rollout: manual, traffic: `, preview: ${taken}` });
      const refused = await kiln.run(["deploy"], { cwd: shop.folder });
      expect([refused.code, refused.stderr]).toEqual([
        expect.any(Number),
        expect.stringMatching(new RegExp(`port_taken[^]*${taken}`)),
      ]);
      expect(refused.code).not.toBe(0);
    } finally {
      other.close();
    }
    const blog = await littleService(kiln, "blog", { traffic: `, preview: ${port}` });
    const conflict = await kiln.run(["deploy"], { cwd: blog.folder });
    expect(conflict.stderr).toContain(`can't have port ${port}: the preview of shop has it already.`);
    expect([await shop.page(), (await status())?.serving?.number]).toEqual(["two", 2]);
  });
});
