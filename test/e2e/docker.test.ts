import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EvidenceReport, ReproductionStatus, ServiceStatus } from "../../src/controller/operations.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { TestEngine, whyNoEngine } from "../../src/platform/docker/engine/test-engine.ts";
import { type Installation, install, lostDuring, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";
import { typeIn } from "./typing.ts";

const why = whyNoServers() ?? (await whyNoEngine());
if (why !== undefined) console.log(`Skipped: a target of the platform docker, because ${why}.`);

/** Serves its page, and what it was given besides its image. */
const script = [
  "trap exit TERM",
  "/bin/busybox cp /www/index.html /run/secrets/PASSWORD /tmp",
  "/bin/busybox httpd -f -p 8080 -h /tmp & wait",
].join("; ");

/** An installation with the target `box`, an engine of its own, and a service there. */
class Box implements AsyncDisposable {
  readonly engine = new TestEngine();
  declare kiln: Installation;
  declare shop: LittleService;

  async open(drifts: boolean): Promise<void> {
    [this.kiln] = await Promise.all([install("/tmp", { drifts }), this.engine.start()]);
    this.shop = await littleService(this.kiln, "shop", {
      more: "target: box",
      command: JSON.stringify(["/bin/busybox", "sh", "-c", script]),
      servers: ", writable: [/run, /tmp], secrets: [PASSWORD]",
    });
    const option = `socket=${this.engine.socket}`;
    await this.kiln.ok(["target", "add", "box", "--platform", "docker", "--option", option]);
    await this.kiln.ok(["secret", "set", "PASSWORD"], { cwd: this.shop.folder, input: "hunter2" });
    await this.inProject("deploy");
  }

  inProject(...args: readonly string[]) {
    return this.kiln.ok(args, { cwd: this.shop.folder });
  }

  async docker(...args: readonly string[]): Promise<string> {
    return (await exec(["docker", "-H", `unix://${this.engine.socket}`, ...args])).stdout.trim();
  }

  async ready(): Promise<readonly string[]> {
    const [status] = await this.kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    return (status?.servers ?? []).filter(({ inTraffic }) => inTraffic).map(({ id }) => id);
  }

  /** One of the servers, and the id of its container. */
  async victim(): Promise<readonly [server: string, container: string]> {
    const [server = ""] = await this.ready();
    return [server, await this.docker("ps", "--quiet", "--filter", `label=kiln.server=${server}`)];
  }

  replaced(server: string): Promise<void> {
    const isSo = async () => {
      const now = await this.ready();
      return now.length === 2 && !now.includes(server);
    };
    return waitUntil(isSo, 60_000, `another server has taken the place of ${server}`);
  }

  /** How many requests were lost while the work was done. */
  lostDuring(work: () => Promise<unknown>): Promise<number> {
    return lostDuring(() => this.shop.page(), work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kiln[Symbol.asyncDispose]();
    } finally {
      await this.engine[Symbol.asyncDispose]();
    }
  }
}

describe.skipIf(why !== undefined)("a service on a Docker engine, from the same kiln.yaml", () => {
  const box = new Box();
  beforeAll(() => box.open(false), 180_000);
  afterAll(() => box[Symbol.asyncDispose]());

  test("its servers are containers, which hold their secrets as files and cannot be written to", async () => {
    expect(await box.shop.page()).toBe("one");
    expect(await box.ready()).toHaveLength(2);
    const [, container] = await box.victim();
    const inspected = JSON.parse(await box.docker("inspect", container))[0];
    expect(inspected.HostConfig).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"] });
    expect(JSON.stringify(inspected)).not.toContain("hunter2");
    const given = await fetch(`http://127.0.0.1:${box.shop.port}/PASSWORD`);
    expect(await given.text()).toBe("hunter2");
  });

  test("a deploy and a rollback lose no request", async () => {
    await box.shop.setPage("two");
    expect(await box.lostDuring(() => box.inProject("deploy"))).toBe(0);
    expect(await box.shop.page()).toBe("two");
    expect(await box.lostDuring(() => box.inProject("rollback"))).toBe(0);
    expect(await box.shop.page()).toBe("one");
  });

  test("a person in a server has a terminal, Ctrl-C and the exit code, over a new controller, and the server is replaced", async () => {
    const [server] = await box.victim();
    const typed = "trap 'echo stopped; /bin/busybox stty size; exit 3' INT; /bin/busybox tty; echo in";
    const session = typeIn(box.kiln, server, `${typed}; while :; do /bin/busybox sleep 1; done`);
    await waitUntil(() => session.heard().includes("in\n"), 60_000, "someone is in");
    await box.replaced(server);
    process.kill((await box.kiln.controllerPid()) ?? 0, "SIGKILL");
    await box.kiln.ok(["controller", "start"]);
    session.stdin.write("\u0003");
    expect(await session.ended).toBe(3);
    expect(session.heard()).toMatch(/\/dev\/pts\/\d+\nin\n(\^C)?stopped\n33 77\n/);
    const kept = () => box.kiln.run(["evidence", "show", server, "--json"]);
    await waitUntil(async () => (await kept()).code === 0, 60_000, "its evidence is kept");
    const report: EvidenceReport = JSON.parse((await kept()).stdout);
    expect(report).toMatchObject({ server, taint: { kind: "exec" }, transcripts: [expect.any(String)] });
  });

  test("a command that the image lacks costs no server, and a copy is entered without a taint", async () => {
    const before = await box.ready();
    const [server = ""] = before;
    const lacking = await box.kiln.run(["exec", server, "--reason", "typing", "--", "bash"]);
    expect([lacking.code, lacking.stderr]).toEqual([2, expect.stringContaining('no program "bash"')]);
    const copy = await box.kiln.json<ReproductionStatus>(["server", "reproduce", server]);
    const script = "/bin/busybox cat /run/secrets/PASSWORD; echo oops >&2; exit 7";
    const ran = await box.kiln.run([
      ...["exec", copy.id, "--reason", "looking", "--", "/bin/busybox", "sh", "-c", script],
    ]);
    expect([ran.code, ran.stdout]).toEqual([7, "hunter2"]);
    expect(ran.stderr).toContain("oops\n");
    await box.kiln.ok(["server", "destroy", copy.id]);
    expect(await box.ready()).toEqual(before);
  });

  test("a container that someone removes is replaced", async () => {
    const [server, container] = await box.victim();
    await box.docker("rm", "--force", container);
    await box.replaced(server);
  });

  test("a container that the engine cannot remove is named, and holds up neither the service nor its removal", async () => {
    const [server, container] = await box.victim();
    const folder = join(box.engine.folder, "data/overlay2");
    // What an engine does that makes its folder's mount again: the container's root below it cannot be unmounted any more.
    await exec(["mount", "--bind", folder, folder]);
    await expect(box.docker("rm", "--force", container)).rejects.toThrow("device or resource busy");
    await box.replaced(server);
    const named = `${server}, in which nothing runs any more`;
    const isNamed = async () => (await box.kiln.run(["status", "shop"])).stdout.includes(named);
    await waitUntil(isNamed, 60_000, "the status names what is left");
    await box.kiln.ok(["remove", "shop", "--yes"]);
    const target = async () => (await box.kiln.ok(["target", "show", "box"])).stdout;
    expect(await target()).toContain(named);
    await exec(["umount", folder]);
    await waitUntil(async () => !(await target()).includes(named), 120_000, "Kiln has removed the container");
    // The other server was made before that mount, too: it is removed in its turn.
    const isEmpty = async () => (await box.docker("ps", "--all", "--quiet")) === "";
    await waitUntil(isEmpty, 120_000, "Kiln has removed all containers");
    await box.shop.setPage("one");
    await box.inProject("deploy");
  });

  test("an engine with live-restore that is restarted keeps its servers, which lose no request, and ends sessions", async () => {
    await box.engine.keepContainers(true);
    const [entered] = await box.victim();
    const session = typeIn(box.kiln, entered, "echo in; while :; do /bin/busybox sleep 1; done");
    await waitUntil(() => session.heard().includes("in\n"), 60_000, "someone is in");
    await box.replaced(entered);
    const before = await box.ready();
    const restart = async () => {
      await box.engine.stop();
      await box.engine.start();
      // The controller looks at it again, and by then has heard who came into its servers.
      await waitUntil(async () => (await box.ready()).length === 2, 60_000, "Kiln sees the servers again");
    };
    expect(await box.lostDuring(restart)).toBe(0);
    expect(await box.ready()).toEqual(before);
    expect(await session.ended).toBe(255);
    expect(session.heard()).toContain("The session is lost");
    await box.engine.keepContainers(false);
  });

  test("an engine that was stopped is named, and the servers come again with it", async () => {
    await box.engine.stop();
    const { stdout } = await box.kiln.run(["target", "show", "box"]);
    expect(stdout).toContain("No Docker engine answers");
    await box.engine.start();
    await waitUntil(async () => (await box.shop.page()) === "one", 60_000, "the service answers again");
  });

  test("a service that is removed leaves nothing on the engine", async () => {
    await box.kiln.ok(["remove", "shop", "--yes"]);
    const isEmpty = async () => (await box.docker("ps", "--all", "--quiet")) === "";
    await waitUntil(isEmpty, 30_000, "no container is left");
    expect(await box.docker("network", "ls", "--filter", "name=kiln-", "--quiet")).toBe("");
    await box.kiln.ok(["target", "rm", "box"]);
  });
});

describe.skipIf(why !== undefined)("a container that someone changes", () => {
  const box = new Box();
  beforeAll(() => box.open(true), 180_000);
  afterAll(() => box[Symbol.asyncDispose]());

  test("is found when it is entered, frozen, kept as evidence and replaced", async () => {
    const [server, container] = await box.victim();
    const entering = box.docker("exec", container, "/bin/busybox", "sleep", "30").catch(() => "killed");
    await box.replaced(server);
    await entering;
    const kept = () => box.kiln.run(["evidence", "show", server, "--json"]);
    await waitUntil(async () => (await kept()).code === 0, 30_000, "its evidence is kept");
    const report: EvidenceReport = JSON.parse((await kept()).stdout);
    expect(report).toMatchObject({ server, taint: { kind: "process" }, who: expect.stringContaining("pid") });
  });

  test("is found when its limits are changed", async () => {
    const [server, container] = await box.victim();
    await box.docker("update", "--pids-limit", "2000", container);
    await box.replaced(server);
  });

  test("is found when it is connected to another network", async () => {
    const [server, container] = await box.victim();
    await box.docker("network", "create", "other");
    try {
      await box.docker("network", "connect", "other", container);
      await box.replaced(server);
    } finally {
      // Its bridge is the machine's, and would outlast the engine. It can go once the container has.
      await box.docker("rm", "--force", container).catch(() => {});
      const isRemoved = () =>
        box.docker("network", "rm", "other").then(
          () => true,
          () => false,
        );
      await waitUntil(isRemoved, 60_000, "the network is removed");
    }
  });

  test("is found when it is paused", async () => {
    const [server, container] = await box.victim();
    await box.docker("pause", container);
    await box.replaced(server);
  });
});
