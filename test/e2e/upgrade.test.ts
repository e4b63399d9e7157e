import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { type Installation, install, kilnPath, type Ran, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: upgrades of Kiln, because ${why}.`);

/** Another checkout of Kiln, of another version; returns its launcher. */
async function otherCheckout(folder: string): Promise<string> {
  const checkout = join(kilnPath, "..");
  for (const name of ["kiln", "package.json", "package-lock.json", "tsconfig.json", "src", "scripts"])
    await cp(join(checkout, name), join(folder, name), { recursive: true });
  await symlink(join(checkout, "node_modules"), join(folder, "node_modules"));
  const text = await readFile(join(folder, "package.json"), "utf8");
  await writeFile(join(folder, "package.json"), text.replace(/"version": "[^"]*"/, '"version": "9.9.9"'));
  return join(folder, "kiln");
}

describe.skipIf(why !== undefined)("after an upgrade of Kiln", () => {
  let kiln: Installation;
  let shop: LittleService;
  let launcher: string;
  const status = async () => {
    const [found] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    return found;
  };
  const errorOf = ({ code, stdout }: Ran) => [
    code,
    (JSON.parse(stdout) as { error: { code: string; message: string; hint: string } }).error,
  ];
  beforeAll(async () => {
    kiln = await install();
    launcher = await otherCheckout(join(kiln.home, "../other"));
    shop = await littleService(kiln, "shop", { behaviour: "serves after a second" });
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  describe("of a controller that a command has started", () => {
    afterEach(() => kiln.ok(["status"])); // this checkout's again

    test("the next command replaces it and says so; servers and traffic continue", async () => {
      const [before, former] = [await status(), await kiln.controllerPid()];
      let lost = 0;
      let asking = true;
      const load = (async () => {
        while (asking) if ((await shop.page()) !== "one") lost += 1;
      })();
      const same = await kiln.run(["status"]);
      const other = await kiln.run(["status"], { launcher });
      const again = await kiln.run(["servers"], { launcher });
      asking = false;
      await load;
      expect([same, again]).toMatchObject([
        { code: 0, stderr: "" },
        { code: 0, stderr: "" },
      ]);
      expect(other.stderr).toMatch(
        /^The controller ran version \S+ in \S+ \(revision \w{8}\); a new controller took its place\. Servers keep running\.\n$/,
      );
      expect(await kiln.controllerPid()).not.toBe(former);
      expect(lost).toBe(0);
      const told = await kiln.ok(["controller", "status"]);
      expect(told.stdout).toMatch(
        /, version 9\.9\.9, [\s\S]* code +version 9\.9\.9 in .*: the next command replaces it/,
      );
      expect((await status())?.servers.map(({ id }) => id)).toEqual(before?.servers.map(({ id }) => id));
    });

    test("a rollout continues with the next one", async () => {
      await shop.setPage("two");
      await kiln.ok(["deploy", "--no-wait"], { cwd: shop.folder });
      const followed = await kiln.ok(["rollout", "show", "shop", "-f"], { launcher });
      expect(followed.stderr).toContain("a new controller took its place");
      expect(await shop.page()).toBe("two");
    });

    test("several commands at once replace it once", async () => {
      const ran = await Promise.all([1, 2, 3].map(() => kiln.ok(["status"], { launcher })));
      expect(ran.filter(({ stderr }) => stderr.includes("took its place"))).toHaveLength(1);
    });

    test("a database of a newer format is reported as such, and the controller that knows it keeps running", async () => {
      const former = await kiln.controllerPid();
      const setVersion = (change: (version: number) => number) => {
        using db = new DatabaseSync(join(kiln.home, "kiln.db"), { timeout: 5_000 });
        const version = Number(db.prepare("PRAGMA user_version").get()?.user_version);
        db.exec(`PRAGMA user_version = ${change(version)}`);
      };
      setVersion((version) => version + 1);
      expect(errorOf(await kiln.run(["status", "--json"], { launcher }))).toMatchObject([
        3,
        { code: "state_newer" },
      ]);
      expect(await kiln.controllerPid()).toBe(former);
      expect(await kiln.run(["status"])).toMatchObject({ code: 0 });
      setVersion((version) => version - 1);
    });
  });

  test.each([
    ["a person", "exec", /kiln controller stop/],
    ["systemd", "SYSTEMD_EXEC_PID=$$ exec", /systemctl restart kiln/],
  ])("a controller that %s has started is left alone, and what to do is said", async (_, start, hint) => {
    await kiln.ok(["controller", "stop"]);
    const env = { ...process.env, KILN_HOME: kiln.home };
    const service = spawn("sh", ["-c", `${start} ${kilnPath} controller run`], { env, stdio: "ignore" });
    const running = async () => (await kiln.run(["controller", "status"])).code === 0;
    await waitUntil(running, 20_000, "the controller runs");
    expect(errorOf(await kiln.run(["status", "--json"], { launcher }))).toMatchObject([
      3,
      {
        code: "controller_outdated",
        message: expect.stringContaining(`(pid ${service.pid}) runs version`),
        hint: expect.stringMatching(hint),
      },
    ]);
    expect(await kiln.run(["status"])).toMatchObject({ code: 0, stderr: "" });
    const ended = once(service, "exit");
    await kiln.ok(["controller", "stop"], { launcher });
    expect(await ended).toEqual([0, null]);
    expect(await shop.page()).toBe("two");
  });
});
