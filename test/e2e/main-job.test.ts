import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLoad } from "../../src/cli/quickstart/load.ts";
import type { ChangePlan, ServiceStatus } from "../../src/controller/operations.ts";
import { freePort } from "../../src/lib/testing.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: the main job, because ${why}.`);

describe.skipIf(why !== undefined)("the main job on a real nginx", () => {
  let kiln: Installation;
  let project: string;
  let url: string;
  let first: string;
  const page = () => fetch(url).then((answer) => answer.text());
  const status = async () => {
    const [service] = await kiln.json<readonly ServiceStatus[]>(["status", "site"], { cwd: project });
    if (service === undefined) throw new Error("the service has a status");
    return service;
  };

  beforeAll(async () => {
    kiln = await install();
    project = join(kiln.home, "../site");
    await cp(new URL("../../examples/site", import.meta.url), project, { recursive: true });
    const port = await freePort();
    url = `http://127.0.0.1:${port}/`;
    const file = join(project, "kiln.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace("listen: 8080", `listen: ${port}`));
    first = await readFile(join(project, "site/index.html"), "utf8");
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("the first deploy serves", async () => {
    const { stdout } = await kiln.ok(["deploy"], { cwd: project });
    expect(stdout).toContain("release 1");
    expect(await page()).toBe(first);
    const { servers } = await status();
    expect(servers.map((s) => [s.id, s.state, s.inTraffic])).toEqual(
      [1, 2, 3].map((slot) => [`site-1-${slot}-1`, "ready", true]),
    );
  });

  test("the same again does nothing", async () => {
    const { stdout } = await kiln.ok(["plan"], { cwd: project });
    expect(stdout).toMatch(/nothing/i);
    const before = await status();
    await kiln.ok(["deploy"], { cwd: project });
    expect((await status()).servers.map((s) => s.id)).toEqual(before.servers.map((s) => s.id));
  });

  test("a plan makes nothing for servers and records nothing", async () => {
    await writeFile(join(project, "site/index.html"), first.replace("</body>", "<p>plan</p></body>"));
    // A checkpoint follows its entries after a while, whatever anyone asks for.
    const entries = async () =>
      (await kiln.ok(["audit"])).stdout.split("\n").filter((line) => !line.includes("audit.checkpoint"));
    const found = async () => [await readdir(join(kiln.home, "erofs")), await entries()];
    const before = await found();
    const { stdout } = await kiln.ok(["plan"], { cwd: project });
    expect(stdout).toMatch(/release 2: \d servers?/);
    expect(await found()).toEqual(before);
  });

  test("a change replaces every server, a rollback brings the last version back, and no request is lost", async () => {
    const second = first.replace("</body>", "<p>second</p></body>");
    using load = startLoad({ url, pages: [first, second] });
    await writeFile(join(project, "site/index.html"), second);
    await kiln.ok(["deploy"], { cwd: project });
    expect(await page()).toBe(second);
    const deploy = await load.take();
    const { digest } = await kiln.json<ChangePlan>(["rollback", "--plan"], { cwd: project });
    expect(await page()).toBe(second);
    await kiln.ok(["rollback", "--expect", digest], { cwd: project });
    expect(await page()).toBe(first);
    const rollback = await load.take();
    console.log(
      `deploy: ${deploy.served} served, ${deploy.lost} lost; rollback: ${rollback.served} served, ${rollback.lost} lost`,
    );
    expect([deploy.losses, rollback.losses]).toEqual([[], []]);
    expect(Math.min(deploy.served, rollback.served)).toBeGreaterThan(100);
  });

  test("scaling adds and takes servers of the same release and replaces none", async () => {
    const before = (await status()).servers.filter((s) => s.inTraffic).map((s) => s.id);
    using load = startLoad({ url, pages: [first] });
    const { digest } = await kiln.json<ChangePlan>(["scale", "4", "--plan"], { cwd: project });
    expect((await kiln.run(["scale", "5", "--expect", digest], { cwd: project })).code).toBe(3);
    await kiln.ok(["scale", "5"], { cwd: project });
    await waitUntil(
      async () => (await status()).servers.filter((s) => s.inTraffic).length === 5,
      20_000,
      "five serve",
    );
    const after = (await status()).servers.filter((s) => s.inTraffic).map((s) => s.id);
    expect(after).toEqual(expect.arrayContaining(before));
    await kiln.ok(["scale", "2"], { cwd: project });
    await waitUntil(
      async () => (await status()).servers.filter((s) => s.inTraffic).length === 2,
      20_000,
      "two serve",
    );
    expect((await load.take()).losses).toEqual([]);
  });

  test("servers and router keep running without a controller, and the next one takes over", async () => {
    using load = startLoad({ url, pages: [first] });
    const before = await kiln.controllerPid();
    if (before === undefined) throw new Error("a controller runs");
    process.kill(before, "SIGKILL");
    await waitUntil(async () => (await kiln.controllerPid()) === undefined, 60_000, "the controller is gone");
    expect(await page()).toBe(first);
    const { servers } = await status();
    expect(servers.filter((s) => s.inTraffic)).toHaveLength(2);
    expect(await kiln.controllerPid()).not.toBe(before);
    expect((await load.take()).losses).toEqual([]);
  });

  test("what was done is shown: servers, logs, history, images", async () => {
    expect((await kiln.ok(["servers"], { cwd: project })).stdout).toContain("site-1-1-1");
    expect((await kiln.ok(["logs", "--tail", "5"], { cwd: project })).stdout).toContain("GET /");
    const history = (await kiln.ok(["history"], { cwd: project })).stdout;
    expect(history).toMatch(/rollback/);
    expect((await kiln.ok(["images"], { cwd: project })).stdout).toContain("site release 1");
  });

  test("remove leaves nothing of it on the machine", async () => {
    await kiln.ok(["remove", "--yes"], { cwd: project });
    await expect(fetch(url)).rejects.toThrow();
    await waitUntil(
      async () => (await kiln.leftovers()).filter((l) => !l.includes("main.ts")).length === 0,
      15_000,
      "all is gone",
    );
  });
});
