import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLoad } from "../../src/cli/quickstart/load.ts";
import type { DriftReport, EvidenceReport, ServiceStatus } from "../../src/controller/operations.ts";
import { type Installation, install, waitUntil, whyNoServers, writeFiles } from "./harness.ts";
import { behaviours, type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: what is done about drift, because ${why}.`);

/** Detection, evidence and a new server together take about two seconds on an idle machine. */
const limitMs = 60_000;

describe.skipIf(why !== undefined)("a server that someone enters", () => {
  let kiln: Installation;
  let shop: LittleService;
  const intruders: ChildProcess[] = [];

  beforeAll(async () => {
    kiln = await install("/tmp", { drifts: true });
    const script = `echo loot > /tmp/loot; ${behaviours.serves}`;
    shop = await littleService(kiln, "shop", {
      ...{ count: 3, servers: ", writable: [/tmp]" },
      command: JSON.stringify(["/bin/busybox", "sh", "-c", script]),
    });
    const page = "#!/bin/busybox sh\n/bin/busybox sleep 1\nprintf 'Content-Type: text/plain\\n\\nslow\\n'\n";
    await writeFiles(shop.folder, { "www/cgi-bin/slow": page });
    await chmod(join(shop.folder, "www/cgi-bin/slow"), 0o755);
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(async () => {
    for (const intruder of intruders) intruder.kill("SIGKILL");
    await kiln[Symbol.asyncDispose]();
  });

  const servers = async () => {
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    return status?.servers ?? [];
  };
  const ready = async () => (await servers()).filter((s) => s.state === "ready" && s.inTraffic);
  const someServer = async () => (await ready())[0]?.id ?? "";
  const isGone = async (id: string) => !(await servers()).some((s) => s.id === id);

  /** How soon each part of the response came, from the moment that the intruder was found. */
  async function figures(server: string): Promise<string> {
    using database = new DatabaseSync(join(kiln.home, "kiln.db"), { readOnly: true });
    const row = database.prepare("SELECT * FROM taints WHERE server = ?").get(server) ?? {};
    const { atMs } = JSON.parse(String(row.finding)) as { readonly atMs: number };
    const newest = Math.max(...(await servers()).map((s) => s.createdAtMs));
    const after = (ms: unknown) => `${Number(ms) - atMs} ms`;
    return `frozen and marked within ${after(row.tainted_at_ms)}, replacement begun within ${after(newest)}, evidence kept within ${after(row.evidence_at_ms)}`;
  }

  /** In its namespaces, in a cgroup of the machine's: neither freezing nor ending the server reaches it. */
  function enterByNamespaces(server: string): ChildProcess {
    const list = execFileSync("runc", [`--root=${kiln.home}/servers/.host/runc`, "state", server], {
      encoding: "utf8",
    });
    const { pid } = JSON.parse(list) as { readonly pid: number };
    const intruder = spawn("nsenter", [
      `--target=${pid}`,
      "--mount",
      "--net",
      "--ipc",
      "/bin/busybox",
      "sleep",
      "1000",
    ]);
    intruders.push(intruder);
    return intruder;
  }

  function enter(server: string): void {
    const argv = [`--root=${kiln.home}/servers/.host/runc`, "exec", server, "/bin/busybox", "sleep", "1000"];
    intruders.push(spawn("runc", argv, { stdio: "ignore" }));
  }

  test("it is taken out and replaced, its evidence is kept, and no request is lost", async () => {
    const server = await someServer();
    using load = startLoad({ url: `http://127.0.0.1:${shop.port}/`, pages: ["one"] });
    enter(server);
    await waitUntil(() => isGone(server), limitMs, "the server is gone");
    await waitUntil(async () => (await ready()).length === 3, limitMs, "three serve again");
    const { served, losses } = await load.take();
    expect(losses).toEqual([]);
    expect(served).toBeGreaterThan(10);
    console.log(await figures(server));
    const report = await kiln.json<EvidenceReport>(["evidence", "show", server]);
    // Its own two, and the intruder: often frozen before it has become what it was to be.
    expect(report.processes.length).toBeGreaterThan(2);
    expect(report.mounts.join("\n")).toContain(" /tmp ");
    const path = join(kiln.home, "../case.tar");
    await kiln.ok(["evidence", "export", server, "--output", path]);
    expect(execFileSync("tar", ["-xOf", path, "writable/tmp/loot"], { encoding: "utf8" })).toBe("loot\n");
    const { stdout } = await kiln.ok(["audit", "--subject", server, "--tail", "all"]);
    for (const kind of ["drift.found", "server.tainted", "server.quarantined", "evidence.kept"])
      expect(stdout).toContain(kind);
    expect((await kiln.run(["drift"])).code).toBe(0);
  });

  test("where the service wants it kept, it stays frozen until someone destroys it", async () => {
    await shop.configure({ more: "drift: { response: quarantine }" });
    await kiln.ok(["deploy"], { cwd: shop.folder });
    const server = await someServer();
    using load = startLoad({ url: `http://127.0.0.1:${shop.port}/`, pages: ["one"] });
    const slow = Array.from({ length: 6 }, () => fetch(`http://127.0.0.1:${shop.port}/cgi-bin/slow`));
    const stranger = enterByNamespaces(server);
    const isKept = async () => (await servers()).find((s) => s.id === server)?.taint?.evidence !== undefined;
    await waitUntil(isKept, limitMs, "its evidence is kept");
    await waitUntil(async () => (await ready()).length === 3, limitMs, "three serve again");
    expect((await load.take()).losses).toEqual([]);
    expect(stranger.signalCode).toBe("SIGKILL");
    const told = await kiln.ok(["audit", "--subject", server, "--tail", "all"]);
    expect(told.stdout).toContain(`pid ${stranger.pid} (`);
    // Those that it was working on were sent to another server.
    const pages = await Promise.all(slow.map(async (answer) => (await answer).text()));
    expect(pages).toEqual(Array.from({ length: 6 }, () => "slow\n"));
    const drift = await kiln.run(["drift", server, "--json"]);
    expect(drift.code).toBe(1);
    expect((JSON.parse(drift.stdout) as readonly DriftReport[])[0]).toMatchObject({
      ...{ server, kind: "process", response: "quarantine" },
    });
    expect((await kiln.ok(["servers", "shop"])).stdout).toMatch(
      new RegExp(`${server} +quarantined.*takes its place`),
    );
    const refused = await kiln.run(["server", "destroy", await someServer()]);
    expect(refused.code).toBe(3);
    await kiln.ok(["server", "destroy", server]);
    expect(await isGone(server)).toBe(true);
    expect((await kiln.run(["evidence", "show", server])).code).toBe(0);
  });

  test("a controller that is killed in the middle leaves the rest to the next one", async () => {
    await shop.configure({});
    await kiln.ok(["deploy"], { cwd: shop.folder });
    const server = await someServer();
    using load = startLoad({ url: `http://127.0.0.1:${shop.port}/`, pages: ["one"] });
    enter(server);
    using database = new DatabaseSync(join(kiln.home, "kiln.db"), { readOnly: true });
    const tainted = database.prepare("SELECT 1 FROM taints WHERE server = ?");
    await waitUntil(() => tainted.get(server) !== undefined, limitMs, "the server is tainted");
    process.kill((await kiln.controllerPid()) ?? 0, "SIGKILL");
    await kiln.ok(["controller", "start"]);
    await waitUntil(() => isGone(server), limitMs, "the server is gone");
    await waitUntil(async () => (await ready()).length === 3, limitMs, "three serve again");
    expect((await load.take()).losses).toEqual([]);
    expect((await kiln.run(["evidence", "show", server])).code).toBe(0);
  });
});
