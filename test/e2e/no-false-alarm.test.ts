import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: ordinary operation without alarms, because ${why}.`);

/** Between its start and `kiln remove` an installation does all that it does in a year; the harness counts alarms. */
describe.skipIf(why !== undefined)("ordinary operation", () => {
  let kiln: Installation;
  let shop: LittleService;
  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop");
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  const status = async () => (await kiln.json<readonly ServiceStatus[]>(["status", "shop"]))[0];
  const ready = async () => (await status())?.servers.filter(({ state }) => state === "ready").length;

  test("deploys, rolls back and scales", async () => {
    for (const page of ["two", "three"]) {
      await shop.setPage(page);
      await kiln.ok(["deploy"], { cwd: shop.folder });
      expect(await shop.page()).toBe(page);
    }
    await kiln.ok(["rollback"], { cwd: shop.folder });
    await kiln.ok(["scale", "5"], { cwd: shop.folder });
    await waitUntil(async () => (await ready()) === 5, 30_000, "five servers are ready");
    await kiln.ok(["scale", "2"], { cwd: shop.folder });
    await waitUntil(async () => (await status())?.servers.length === 2, 60_000, "two servers are left");
  });

  test("stops the controller, and starts it again", async () => {
    await kiln.ok(["controller", "stop"]);
    expect(await ready()).toBe(2);
    const pid = await kiln.controllerPid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await waitUntil(async () => (await kiln.controllerPid()) === undefined, 10_000, "it has ended");
    expect(await ready()).toBe(2);
  });

  test("replaces servers that end by themselves, and rotates what they write", async () => {
    const writes =
      "i=0; while [ $i -lt 180000 ]; do echo 'a line that is long enough to fill a log in no time'; i=$((i+1)); done";
    const noisy = await littleService(kiln, "noisy");
    await noisy.configure({
      command: JSON.stringify([
        "/bin/busybox",
        "sh",
        "-c",
        `trap exit TERM; /bin/busybox httpd -f -p 8080 -h /www & ${writes}; wait`,
      ]),
    });
    await kiln.ok(["deploy"], { cwd: noisy.folder });
    const log = async () => {
      const [found] = await kiln.json<readonly ServiceStatus[]>(["status", "noisy"]);
      return found?.servers[0] && join(kiln.home, "servers", found.servers[0].id, "log.1");
    };
    await waitUntil(
      async () => statSync((await log()) ?? "", { throwIfNoEntry: false }) !== undefined,
      60_000,
      "a log is put aside",
    );
    await noisy.configure({
      command: JSON.stringify([
        "/bin/busybox",
        "sh",
        "-c",
        "/bin/busybox timeout 3 /bin/busybox httpd -f -p 8080 -h /www",
      ]),
    });
    await kiln.run(["deploy"], { cwd: noisy.folder });
    await kiln.ok(["remove", "noisy", "--yes"]);
  });

  test("collects garbage and looks at itself", async () => {
    await kiln.ok(["gc"]);
    await kiln.run(["doctor"]);
    expect(await ready()).toBe(2);
  });
});
