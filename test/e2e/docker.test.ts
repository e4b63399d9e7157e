import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { TestEngine, whyNoEngine } from "../../src/platform/docker/test-engine.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers() ?? (await whyNoEngine());
if (why !== undefined) console.log(`Skipped: a target of the platform docker, because ${why}.`);

/** Serves its page, and what it was given besides its image. */
const script =
  "cat /run/secrets/PASSWORD > /tmp/password; trap exit TERM; /bin/busybox httpd -f -p 8080 -h /www & wait";

describe.skipIf(why !== undefined)("a service on a Docker engine, from the same kiln.yaml", () => {
  const engine = new TestEngine();
  let kiln: Installation;
  let shop: LittleService;
  const docker = async (...args: [string, ...string[]]) =>
    (await exec(["docker", "-H", `unix://${engine.socket}`, ...args])).stdout.trim();
  const status = async () => (await kiln.json<readonly ServiceStatus[]>(["status", "shop"]))[0];
  const ready = async () => ((await status())?.servers ?? []).filter(({ inTraffic }) => inTraffic);

  /** How many requests were lost while the work was done. */
  async function lostDuring(work: () => Promise<unknown>): Promise<number> {
    let done = false;
    let lost = 0;
    const buy = async () => {
      while (!done) if ((await shop.page()) === undefined) lost += 1;
    };
    const buying = [buy(), buy()];
    await work().finally(() => {
      done = true;
    });
    await Promise.all(buying);
    return lost;
  }

  beforeAll(async () => {
    [kiln] = await Promise.all([install(), engine.start()]);
    shop = await littleService(kiln, "shop", {
      more: "target: box",
      command: JSON.stringify(["/bin/busybox", "sh", "-c", script]),
      servers: ", writable: [/run, /tmp], secrets: [PASSWORD]",
    });
    await kiln.ok(["target", "add", "box", "--platform", "docker", "--option", `socket=${engine.socket}`]);
    await kiln.ok(["secret", "set", "PASSWORD"], { cwd: shop.folder, input: "hunter2" });
    await kiln.ok(["deploy"], { cwd: shop.folder });
  }, 180_000);
  afterAll(async () => {
    await kiln[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });

  test("its servers are containers, which hold their secrets as files and cannot be written to", async () => {
    expect(await shop.page()).toBe("one");
    expect(await ready()).toHaveLength(2);
    const [id = ""] = (await docker("ps", "--quiet", "--filter", "label=kiln.service=shop")).split("\n");
    const inspected = JSON.parse(await docker("inspect", id))[0];
    expect(inspected.HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"] });
    expect(JSON.stringify(inspected)).not.toContain("hunter2");
    expect(await docker("exec", id, "/bin/busybox", "cat", "/tmp/password")).toBe("hunter2");
  });

  test("a deploy and a rollback lose no request", async () => {
    await shop.setPage("two");
    expect(await lostDuring(() => kiln.ok(["deploy"], { cwd: shop.folder }))).toBe(0);
    expect(await shop.page()).toBe("two");
    expect(await lostDuring(() => kiln.ok(["rollback"], { cwd: shop.folder }))).toBe(0);
    expect(await shop.page()).toBe("one");
  });

  test("a container that someone removes is replaced", async () => {
    const [victim] = await ready();
    const [id = ""] = (await docker("ps", "--quiet", "--filter", `label=kiln.server=${victim?.id}`)).split(
      "\n",
    );
    await docker("rm", "--force", id);
    const replaced = async () => {
      const now = await ready();
      return now.length === 2 && now.every((server) => server.id !== victim?.id);
    };
    await waitUntil(replaced, 30_000, "another server has taken its place");
  });

  test("an engine that was stopped delays nothing else, and its servers come again", async () => {
    await engine.stop();
    const { stdout } = await kiln.run(["target", "show", "box"]);
    expect(stdout).toContain("No Docker engine answers");
    await engine.start();
    await waitUntil(async () => (await shop.page()) === "one", 60_000, "the service answers again");
  });

  test("a service that is removed leaves nothing on the engine", async () => {
    await kiln.ok(["remove", "shop", "--yes"]);
    await waitUntil(
      async () => (await docker("ps", "--all", "--quiet")) === "",
      30_000,
      "no container is left",
    );
    expect(await docker("network", "ls", "--filter", "name=kiln-", "--quiet")).toBe("");
    await kiln.ok(["target", "rm", "box"]);
  });
});
