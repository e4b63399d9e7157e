import { createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../src/api/client/client.ts";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import type { Rollout } from "../../src/domain/rollout/rollout.ts";
import { collectGarbage } from "../../src/image/store/collect-garbage.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { freePort } from "../../src/lib/testing.ts";
import { type Installation, install, type Ran, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: rollouts that are disturbed, because ${why}.`);

describe.skipIf(why !== undefined)("rollouts that are disturbed", () => {
  let kiln: Installation;
  let shop: LittleService;
  let edition = 0;
  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", { behaviour: "serves after a second" });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  const inShop = (...args: readonly string[]) => kiln.run(args, { cwd: shop.folder });
  const status = async (service = "shop") => {
    const [found] = await kiln.json<readonly ServiceStatus[]>(["status", service]);
    if (found === undefined) throw new Error(`${service} has no status`);
    return found;
  };
  const newPage = async () => {
    const page = `edition ${++edition}`;
    await shop.setPage(page);
    return page;
  };
  /** Begins a deploy of a new page; resolves when its rollout runs, to the page before and the new one. */
  async function begin(): Promise<{ readonly before: string | undefined; readonly page: string }> {
    const before = await shop.page();
    const page = await newPage();
    expect(await inShop("deploy", "--no-wait")).toMatchObject({ code: 0 });
    return { before, page };
  }
  const atRest = () =>
    waitUntil(async () => (await status()).rollout === undefined, 30_000, "no rollout runs");
  const refusal = ({ code, stdout }: Ran) => [
    code,
    (JSON.parse(stdout) as { error: { code: string } }).error.code,
  ];

  /** Sends Ctrl-C when the condition holds. */
  function interrupted(args: readonly string[], when: () => Promise<boolean>): Promise<Ran> {
    let sent: Promise<void> | undefined;
    const started = (pid: number) => {
      sent = waitUntil(when, 20_000, "it runs").then(() => void process.kill(pid, "SIGINT"));
    };
    return kiln.run(args, { cwd: shop.folder, started }).finally(() => sent);
  }

  describe("of a service that serves", () => {
    beforeAll(async () => {
      await newPage();
      await kiln.ok(["deploy"], { cwd: shop.folder });
    });
    beforeEach(atRest);

    test("there is nothing to roll back to", async () => {
      expect(refusal(await inShop("rollback", "--json"))).toEqual([3, "rollback_impossible"]);
      expect(refusal(await inShop("rollback", "1", "--json"))).toEqual([3, "rollback_impossible"]);
      expect(refusal(await inShop("rollback", "9", "--json"))).toEqual([1, "release_unknown"]);
    });

    test("a second deploy is refused with what runs and who started it; the first continues", async () => {
      await shop.configure({ bake: "5s" });
      const { page } = await begin();
      const images = (await kiln.json<readonly object[]>(["images", "shop"])).length;
      await newPage();
      await shop.configure({ bake: "5s", servers: ", env: { MODE: other }" });
      const second = await inShop("deploy");
      await shop.configure({});
      expect(second.code).toBe(3);
      expect(await kiln.json(["images", "shop"])).toHaveLength(images); // nothing was built for it
      expect(second.stderr).toMatch(
        /\[rollout_running\] A deploy of shop to release 2 is running; \S.* started it at /,
      );
      await atRest();
      expect(await shop.page()).toBe(page);
    });

    test("a deploy that is repeated while it runs is followed", async () => {
      await shop.configure({ bake: "5s" });
      const { page } = await begin();
      const { id } = (await status()).rollout ?? {};
      const repeated = await kiln.json<{ rollout: Rollout }>(["deploy"], { cwd: shop.folder });
      await shop.configure({});
      expect([repeated, await shop.page()]).toMatchObject([{ rollout: { id } }, page]);
    });

    test.each(["SIGINT", "SIGTERM"] as const)("%s ends the following, not the deploy", async (signal) => {
      const page = await newPage();
      let sent: Promise<void> | undefined;
      const { code, stderr } = await kiln.run(["deploy"], {
        cwd: shop.folder,
        started: (pid) => {
          const running = async () => (await status()).rollout !== undefined;
          sent = waitUntil(running, 20_000, "the rollout runs").then(() => void process.kill(pid, signal));
        },
      });
      await sent;
      expect(code).toBe(1);
      expect(stderr).toMatch(/Rollout \d+ of shop continues in the controller/);
      expect(stderr).toContain(
        "`kiln rollout show shop -f` follows it again; `kiln rollout abort shop` rolls it back.",
      );
      expect(await inShop("rollout", "show", "-f")).toMatchObject({ code: 0 });
      expect(await shop.page()).toBe(page);
    });

    test("Ctrl-C in a rollback and in following logs", async () => {
      const rolling = async () => (await status()).rollout !== undefined;
      expect(await interrupted(["rollback"], rolling)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("continues"),
      });
      await atRest();
      expect(await shop.page()).toBe(`edition ${edition - 1}`);
      const aWhile = Date.now() + 1000;
      expect(await interrupted(["logs", "-f"], async () => Date.now() > aWhile)).toMatchObject({
        code: 0,
        stderr: "",
      });
    });

    test("scaling during a rollout counts for the new release", async () => {
      const { page } = await begin();
      expect(await inShop("scale", "3", "--no-wait")).toMatchObject({ code: 0 });
      await atRest();
      const { servers, serving } = await status();
      expect(servers.filter((s) => s.release === serving?.number && s.inTraffic)).toHaveLength(3);
      expect(await shop.page()).toBe(page);
      await kiln.ok(["scale", "2"], { cwd: shop.folder });
    });

    test("a rollback during a deploy turns it back", async () => {
      const { before } = await begin();
      const { code, stdout } = await inShop("rollback");
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^Rolled back shop/)]);
      expect(await shop.page()).toBe(before);
    });

    test("to none and back", async () => {
      const page = await shop.page();
      await kiln.ok(["scale", "0"], { cwd: shop.folder });
      const answer = async () => (await fetch(`http://127.0.0.1:${shop.port}/`)).status;
      expect(await answer()).toBe(503);
      expect((await kiln.ok(["status", "shop"])).stdout).toContain("scaled to 0");
      await kiln.ok(["controller", "stop"]);
      expect(await answer()).toBe(503);
      await kiln.ok(["scale", "2"], { cwd: shop.folder });
      expect(await shop.page()).toBe(page);
    });

    test("an image in use stays, by whichever way its removal is asked for", async () => {
      const images = await kiln.json<readonly { version: string; usedBy: readonly string[] }[]>([
        "images",
        "shop",
      ]);
      for (const { version, usedBy } of images) {
        if (usedBy.length === 0) continue;
        const ran = await kiln.run(["image", "rm", `shop:${version}`]);
        expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining("[image_in_use]")]);
      }
      expect(images.filter(({ usedBy }) => usedBy.length > 0).length).toBeGreaterThan(3);
      for (const page of ["never deployed", "never deployed either"]) {
        await shop.setPage(page);
        await kiln.ok(["build"], { cwd: shop.folder });
      }
      const state = openStateFolder({ KILN_HOME: kiln.home });
      const client = createClient(state.controllerSocket);
      const inUse = new Set(
        (await client.images({})).flatMap(({ digest, usedBy }) => (usedBy.length > 0 ? [digest] : [])),
      );
      const anHour = 3_600_000;
      const later = { inUse: () => inUse, nowMs: Date.now() + anHour, minAgeMs: anHour / 2 };
      const { images: gone } = await collectGarbage(state, later);
      expect(gone.length).toBeGreaterThan(0);
      expect(gone.filter(({ digest }) => inUse.has(digest))).toEqual([]);
      const before = await status();
      await kiln.ok(["rollback", "1"], { cwd: shop.folder });
      expect(await shop.page()).toBe("edition 1");
      await kiln.ok(["rollback", `${before.serving?.number}`], { cwd: shop.folder });
    });

    test("a second service on the port: only with a host name of its own", async () => {
      const other = await littleService(kiln, "other", { port: shop.port });
      const refused = await kiln.run(["deploy", "--json"], { cwd: other.folder });
      expect(refusal(refused)).toEqual([3, "traffic_conflict"]);
      const page = await shop.page();
      await other.configure({ host: "other.example.com" });
      await other.setPage("the other one");
      await kiln.ok(["deploy"], { cwd: other.folder });
      expect(await other.page("other.example.com")).toBe("the other one");
      expect(await shop.page()).toBe(page);
      await kiln.ok(["remove", "other", "--yes"]);
      expect(await shop.page()).toBe(page);
    });

    test("a removal during a rollout ends it", async () => {
      await begin();
      const leaving = async () => (await status()).removing;
      const { code, stderr } = await interrupted(["remove", "--yes"], leaving);
      expect([code, stderr]).toEqual([1, expect.stringContaining("the controller continues")]);
      const known = async () => (await kiln.json<readonly object[]>(["status"])).length > 0;
      await waitUntil(async () => !(await known()), 20_000, "the service is gone");
      expect(refusal(await inShop("rollout", "show", "--json", "shop"))).toEqual([1, "service_unknown"]);
      expect(await shop.page()).toBeUndefined();
    });
  });

  describe("by a port that is taken", () => {
    async function listener(port: number): Promise<() => Promise<void>> {
      const server = createServer();
      await new Promise<void>((resolve, reject) =>
        server.once("error", reject).listen(port, () => resolve()),
      );
      return () => new Promise((resolve) => server.close(() => resolve()));
    }

    test("before: nothing begins, and the plan says so too", async () => {
      const port = await freePort();
      const late = await littleService(kiln, "late", { port });
      const close = await listener(port);
      for (const command of ["plan", "deploy"]) {
        const { code, stderr } = await kiln.run([command], { cwd: late.folder });
        expect(code).toBe(3);
        expect(stderr).toMatch(
          new RegExp(`\\[port_taken\\] Port ${port} is taken by \\S.* \\(pid ${process.pid}\\)`),
        );
      }
      await close();
      expect((await kiln.run(["status", "late"])).code).toBe(1);
      expect(await kiln.json(["images"])).not.toContainEqual(expect.objectContaining({ service: "late" }));
    });

    test("meanwhile: the rollout says what holds it up, and continues when the port is free", async () => {
      const late = await littleService(kiln, "late", { behaviour: "serves after a second" });
      await kiln.ok(["deploy", "--no-wait"], { cwd: late.folder });
      const close = await listener(late.port);
      const following = kiln.run(["rollout", "show", "late", "-f"]);
      const held = async () => (await status("late")).trouble !== undefined;
      await waitUntil(held, 20_000, "the status tells the trouble");
      expect((await kiln.ok(["status", "late"])).stdout).toMatch(/Held up: Port \d+ is taken by/);
      await close();
      expect(await following).toMatchObject({ code: 0, stderr: expect.stringContaining("Held up: Port") });
      expect(await late.page()).toBe("one");
      expect((await status("late")).trouble).toBeUndefined();
    });
  });
});
