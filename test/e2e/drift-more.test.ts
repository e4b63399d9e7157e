import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientLoad, startLoad } from "../../src/cli/quickstart/load.ts";
import type {
  DriftReport,
  EvidenceReport,
  ServerStatus,
  ServiceStatus,
} from "../../src/controller/operations.ts";
import { readIfThere } from "../../src/lib/process/proc.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { type Installation, install, waitUntil, whyNoServers, writeFiles } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: more that is done to servers, because ${why}.`);

const limitMs = 90_000;
/** Pages that someone has managed to run inside: each is a program of the image. */
const pages = {
  bomb: "bomb() { bomb | bomb & }\nbomb",
  fill: "/bin/busybox dd if=/dev/zero of=/tmp/fill bs=65536 2>/dev/null",
  empty: "/bin/busybox rm -f /tmp/fill",
};

describe.skipIf(why !== undefined)("what else is done to servers", () => {
  let kiln: Installation;
  /** Untouched: it feels what happens next to it, and grows old. */
  let calm: LittleService;
  let calmLoad: ClientLoad;
  let firstOfCalm: readonly string[];
  const intruders: ChildProcess[] = [];

  beforeAll(async () => {
    kiln = await install("/tmp", { drifts: true });
    calm = await littleService(kiln, "calm", { count: 2, servers: ", maxAge: 1m" });
    await kiln.ok(["deploy"], { cwd: calm.folder });
    firstOfCalm = (await serving("calm")).map(({ id }) => id);
    calmLoad = startLoad({ url: `http://127.0.0.1:${calm.port}/`, pages: ["one"] });
  });
  afterAll(async () => {
    calmLoad[Symbol.dispose]();
    for (const intruder of intruders) intruder.kill("SIGKILL");
    await kiln[Symbol.asyncDispose]();
  });

  async function servers(service: string): Promise<readonly ServerStatus[]> {
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", service]);
    return status?.servers ?? [];
  }
  const serving = async (service: string) =>
    (await servers(service)).filter((s) => s.state === "ready" && s.inTraffic);
  const findings = async (service: string) => {
    const { stdout } = await kiln.run(["drift", "--json"]);
    return (JSON.parse(stdout) as readonly DriftReport[]).filter((report) => report.service === service);
  };

  async function deployed(name: string, count: number, shape: string, more = ""): Promise<LittleService> {
    const files = ["{ from: ./www, to: /usr/share/www }"];
    const service = await littleService(kiln, name, { count, files, servers: shape, more });
    for (const [page, script] of Object.entries(pages)) {
      const text = `#!/bin/busybox sh\n${script}\nprintf 'Content-Type: text/plain\\n\\ndone\\n'\n`;
      await writeFiles(service.folder, { [`www/cgi-bin/${page}`]: text });
      await chmod(join(service.folder, "www/cgi-bin", page), 0o755);
    }
    await kiln.ok(["deploy"], { cwd: service.folder });
    return service;
  }

  /** Runs in the server's mount namespace with all that the machine's root may do, and stays. */
  function enter(server: string, script: string): ChildProcess {
    const runc = [`--root=${kiln.home}/servers/.host/runc`, "state", server];
    const { pid } = JSON.parse(execFileSync("runc", runc, { encoding: "utf8" })) as { readonly pid: number };
    const argv = [
      `--target=${pid}`,
      "--mount",
      "/bin/busybox",
      "sh",
      "-c",
      `${script}; /bin/busybox sleep 1000`,
    ];
    const intruder = spawn("nsenter", argv, { stdio: "ignore" });
    intruders.push(intruder);
    return intruder;
  }

  const call = (service: LittleService, page: string) =>
    fetch(`http://127.0.0.1:${service.port}/cgi-bin/${page}`, { signal: AbortSignal.timeout(5_000) })
      .then((answer) => answer.text())
      .catch(() => undefined);

  test("an overlay over /usr: the server is replaced, and no request is lost", async () => {
    const shop = await deployed("shop", 3, ", writable: [/tmp]");
    const [{ id } = { id: "" }] = await serving("shop");
    using load = startLoad({ url: `http://127.0.0.1:${shop.port}/`, pages: ["one"] });
    const overlay = "lowerdir=/usr,upperdir=/tmp/upper,workdir=/tmp/work";
    const bb = "/bin/busybox";
    const intruder = enter(
      id,
      `${bb} mkdir /tmp/upper /tmp/work && ${bb} mount -t overlay overlay -o ${overlay} /usr`,
    );
    await waitUntil(async () => !(await servers("shop")).some((s) => s.id === id), limitMs, "it is gone");
    await waitUntil(async () => (await serving("shop")).length === 3, limitMs, "three serve again");
    expect((await load.take()).losses).toEqual([]);
    expect(intruder.signalCode).toBe("SIGKILL");
    const report = await kiln.json<EvidenceReport>(["evidence", "show", id]);
    expect(report.processes.filter(({ own }) => !own).map(({ pid }) => pid)).toContain(intruder.pid);
    await kiln.ok(["remove", "shop", "--yes"]);
  });

  test("a full tmpfs is reported, and takes no server out", async () => {
    const disk = await deployed("disk", 2, ", writable: [/tmp], memory: 32MiB");
    const before = (await serving("disk")).map(({ id }) => id);
    expect(await call(disk, "fill")).toBe("done\n");
    await waitUntil(async () => (await findings("disk")).length > 0, limitMs, "it is found");
    expect(await findings("disk")).toMatchObject([{ kind: "full", subject: "/tmp" }]);
    await waitUntil(
      async () => {
        await call(disk, "empty");
        return (await findings("disk")).length === 0;
      },
      limitMs,
      "it has room again",
    );
    const after = await servers("disk");
    expect(after.map(({ id }) => id)).toEqual(before);
    expect(after.filter(({ taint }) => taint !== undefined)).toEqual([]);
    await kiln.ok(["remove", "disk", "--yes"]);
  });

  test("a fork bomb stays within its server, and does not count as drift", async () => {
    const bomb = await deployed("bomb", 2, ", cpus: 0.3, memory: 128MiB");
    await calmLoad.take();
    const ids = (await serving("bomb")).map(({ id }) => id);
    void call(bomb, "bomb");
    const refused = async () => Promise.all(ids.map(forksRefused));
    await waitUntil(
      async () => (await refused()).some((count) => count > 0),
      limitMs,
      "the limit is reached",
    );
    await waitUntil(async () => (await bomb.page()) === "one", limitMs, "the service answers");
    const { served, losses } = await calmLoad.take();
    expect(losses).toEqual([]);
    expect(served).toBeGreaterThan(10);
    expect(await findings("bomb")).toEqual([]);
    await kiln.ok(["remove", "bomb", "--yes"]);
  });

  /** How often the limit of processes was met: pids.events, cgroups(7). */
  async function forksRefused(id: string): Promise<number> {
    const { tag } = openStateFolder({ KILN_HOME: kiln.home });
    // Version 2 of cgroups, and 1.
    const texts = ["", "pids/"].map((at) => readIfThere(`/sys/fs/cgroup/${at}kiln-${tag}/${id}/pids.events`));
    return Number(/^max (\d+)/m.exec(texts.join(""))?.[1] ?? 0);
  }

  test("fourteen touched at once: some are replaced, the others keep serving", async () => {
    const wide = await deployed("wide", 14, "", "drift: { maxConcurrent: 3 }");
    const ids = (await serving("wide")).map(({ id }) => id);
    expect(ids).toHaveLength(14);
    using load = startLoad({ url: `http://127.0.0.1:${wide.port}/`, pages: ["one"] });
    for (const id of ids) enter(id, ":");
    let fewest = ids.length;
    const look = async () => {
      const now = await servers("wide");
      fewest = Math.min(fewest, now.filter((s) => s.state === "ready" && s.inTraffic).length);
      return now;
    };
    const settled = async () => {
      const now = await look();
      const isQuiet = now.length === 14 && now.every((s) => s.state === "ready" && s.inTraffic);
      const left = now.filter(({ taint }) => taint !== undefined);
      return (
        isQuiet && left.length > 0 && now.every(({ id, taint }) => taint !== undefined || !ids.includes(id))
      );
    };
    await waitUntil(settled, limitMs, "fourteen serve, the others replaced");
    const replaced = (await look()).filter(({ id }) => !ids.includes(id)).length;
    expect(replaced).toBeGreaterThan(0);
    expect(fewest).toBeGreaterThanOrEqual(14 - 3);
    expect((await load.take()).losses).toEqual([]);
    expect((await kiln.ok(["audit", "--tail", "all"])).stdout).toContain("drift.suspended");
  });

  test("servers that have reached their greatest age are replaced one by one, by the same release", async () => {
    let fewest = 2;
    await waitUntil(
      async () => {
        const now = await serving("calm");
        fewest = Math.min(fewest, now.length);
        return now.length === 2 && !now.some(({ id }) => firstOfCalm.includes(id));
      },
      limitMs,
      "both are replaced",
    );
    expect(fewest).toBe(2);
    expect((await calmLoad.take()).losses).toEqual([]);
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "calm"]);
    // The next one may be on its way already.
    const releases = [status?.serving?.number, ...(status?.servers ?? []).map((s) => s.release)];
    expect(new Set(releases)).toEqual(new Set([1]));
  });
});
