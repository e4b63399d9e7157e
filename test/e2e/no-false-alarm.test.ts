import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: ordinary operation without alarms, because ${why}.`);

/** How long it lasts: an hour is what a release is judged by, and too long for every change. */
const soakMinutes = Number(process.env.KILN_SOAK_MINUTES ?? 0);
if (soakMinutes === 0) console.log("Skipped: an hour of ordinary operation; KILN_SOAK_MINUTES=60 plays it.");

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

  async function killController(): Promise<void> {
    const pid = await kiln.controllerPid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await waitUntil(async () => (await kiln.controllerPid()) === undefined, 10_000, "it has ended");
  }

  test("stops the controller, and starts it again", async () => {
    await kiln.ok(["controller", "stop"]);
    expect(await ready()).toBe(2);
    await killController();
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

  /** What operators do in a day, one after the other. */
  const round: readonly ((n: number) => Promise<unknown>)[] = [
    (n) => shop.setPage(`round ${n}`).then(() => kiln.ok(["deploy"], { cwd: shop.folder })),
    () => kiln.ok(["rollback"], { cwd: shop.folder }),
    () => kiln.ok(["scale", "6"], { cwd: shop.folder }),
    () => kiln.ok(["controller", "stop"]),
    () => kiln.ok(["scale", "2"], { cwd: shop.folder }),
    killController,
    () => kiln.ok(["secret", "ls"], { cwd: shop.folder }),
    () => kiln.ok(["gc"]),
    () => kiln.ok(["audit", "verify"]),
  ];

  test.skipIf(soakMinutes === 0)(
    `continues like that for ${soakMinutes} minutes`,
    async () => {
      const end = Date.now() + soakMinutes * 60_000;
      let [rounds, asked] = [0, 0];
      while (Date.now() < end) {
        const step = round[asked % round.length];
        await step?.(rounds);
        expect(await shop.page(), "what serves").toBeDefined();
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        asked++;
        rounds = Math.floor(asked / round.length);
      }
      console.log(`${rounds} rounds of ordinary operation in ${soakMinutes} minutes`);
    },
    (soakMinutes + 5) * 60_000,
  );
});
