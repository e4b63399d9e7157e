import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { hypervisorsOf, whyNoMachines } from "../../src/platform/vm/testing.ts";
import { stateOfMachines } from "../../src/platform/vm/vm-host.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers() ?? whyNoMachines();
if (why !== undefined) console.log(`Skipped: a target of the platform vm, because ${why}.`);

/** Serves its page, and a secret that it was given. */
const script = [
  "echo kernel $(/bin/busybox uname -r)",
  "/bin/busybox cp /www/index.html /run/secrets/PASSWORD /tmp",
  "/bin/busybox touch /www/written",
  "trap exit TERM",
  "/bin/busybox httpd -f -p 8080 -h /tmp & wait",
].join("; ");

/** Translated instructions take ten times as long on a machine that does much else: a machine boots for a minute then. */
const patienceMs = 1_200_000;

describe.skipIf(why !== undefined)("a service of virtual machines, from the same kiln.yaml", () => {
  let kiln: Installation;
  let shop: LittleService;
  const inProject = (...args: readonly string[]) => kiln.ok(args, { cwd: shop.folder });
  const ready = async () => {
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    return (status?.servers ?? []).filter(({ inTraffic }) => inTraffic).map(({ id }) => id);
  };

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", {
      ...{ more: "target: box", deadline: "10m", keepWarm: "10m" },
      command: JSON.stringify(["/bin/busybox", "sh", "-c", script]),
      servers: ", memory: 48MiB, writable: [/run, /tmp], secrets: [PASSWORD]",
    });
    await kiln.ok(["target", "add", "box", "--platform", "vm"]);
    await kiln.ok(["secret", "set", "PASSWORD"], { cwd: shop.folder, input: "hunter2" });
    await inProject("deploy");
  }, patienceMs);
  afterAll(() => kiln?.[Symbol.asyncDispose]());

  test(
    "its servers are machines with Debian's kernel, whose image cannot be written to",
    async () => {
      expect(await shop.page()).toBe("one");
      // On a machine that does much else, a health check may fail now and then.
      await waitUntil(async () => (await ready()).length === 2, 600_000, "both machines have traffic");
      const given = await fetch(`http://127.0.0.1:${shop.port}/PASSWORD`);
      expect(await given.text()).toBe("hunter2");
      const { stdout } = await kiln.ok(["logs", "shop"]);
      expect(stdout).toMatch(/kernel \S+-cloud-amd64/);
      expect(stdout).toContain("Read-only file system");
    },
    patienceMs,
  );

  test("what a hypervisor writes to is bounded, whatever its guest sends", () => {
    const box = stateOfMachines(openStateFolder({ KILN_HOME: kiln.home }), "box").servers;
    for (const server of hypervisors(kiln.home).keys()) {
      const folder = join(box, server, "machine");
      const file = openSync(join(folder, "filled"), "w");
      try {
        expect(() => writeSync(file, Buffer.alloc(1 << 20)) === 1 << 20 || writeSync(file, "x")).toThrow(
          "ENOSPC",
        );
      } finally {
        closeSync(file);
        rmSync(join(folder, "filled"));
      }
    }
  });

  test("hypervisors run as users of their own, without rights, and read the image only", async () => {
    const status = [...hypervisors(kiln.home).values()].map((pid) =>
      readFileSync(`/proc/${pid}/status`, "utf8"),
    );
    expect(status).toHaveLength(2);
    expect(new Set(status.map((text) => /^Uid:\t(\d+)/m.exec(text)?.[1])).size).toBe(2);
    for (const text of status) {
      expect(text).not.toMatch(/^Uid:\t0\t/m);
      expect(text).toMatch(/^CapEff:\t0+$/m);
      expect(text).toMatch(/^NoNewPrivs:\t1$/m);
    }
  });

  test(
    "a deploy and a rollback restore page and machines, and a machine whose hypervisor is killed is replaced",
    async () => {
      await shop.setPage("two");
      await inProject("deploy");
      // On a machine that does much else, emulated machines may take longer than a request waits.
      await waitUntil(async () => (await shop.page()) === "two", 600_000, "the new page is served");
      await inProject("rollback");
      await waitUntil(async () => (await shop.page()) === "one", 600_000, "the old page is served again");
      const [victim = ""] = await ready();
      const hypervisor = hypervisors(kiln.home).get(victim);
      if (hypervisor === undefined) throw new Error(`${victim} has no hypervisor.`);
      process.kill(hypervisor, "SIGKILL");
      const isReplaced = async () => {
        const now = await ready();
        return now.length === 2 && !now.includes(victim);
      };
      await waitUntil(isReplaced, 600_000, "another machine has taken the place of the killed one");
    },
    patienceMs,
  );

  test("nothing is left when the service is removed", async () => {
    await inProject("remove", "shop", "--yes");
    expect(hypervisors(kiln.home).size).toBe(0);
    const left = (await kiln.leftovers()).filter((line) => !line.includes("src/main.ts"));
    expect(left).toEqual([]);
  });
});

/** Numbers of the processes that run machines of this installation, by server. */
function hypervisors(home: string): ReadonlyMap<string, number> {
  return hypervisorsOf(stateOfMachines(openStateFolder({ KILN_HOME: home }), "box").tag);
}
