import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLoad } from "../../src/cli/quickstart/load.ts";
import type { EvidenceReport, ReproductionStatus, ServiceStatus } from "../../src/controller/operations.ts";
import { type Installation, install, kilnPath, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: commands in servers, because ${why}.`);

/** A session, its evidence and a new server together take about three seconds on an idle machine. */
const limitMs = 60_000;

const token = "the-token-of-all";

describe.skipIf(why !== undefined)("kiln exec", () => {
  let kiln: Installation;
  let shop: LittleService;

  beforeAll(async () => {
    kiln = await install();
    const servers = ", writable: [/tmp], secrets: [{ name: TOKEN, env: TOKEN }]";
    shop = await littleService(kiln, "shop", { count: 3, servers });
    await kiln.ok(["secret", "set", "TOKEN", "shop"], { input: token });
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  // Drift that Kiln's own doing was taken for would fail the test here.
  afterAll(() => kiln[Symbol.asyncDispose]());

  const servers = async () => {
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    return status?.servers ?? [];
  };
  const ready = async () => (await servers()).filter((s) => s.state === "ready" && s.inTraffic);
  const someServer = async () => (await ready())[0]?.id ?? "";
  const isGone = async (id: string) => !(await servers()).some((s) => s.id === id);
  const isWhole = async () => (await ready()).length === 3;
  const events = async (subject: string) =>
    (await kiln.ok(["audit", "--subject", subject, "--tail", "all"])).stdout;
  const shell = (script: string) => ["--", "/bin/busybox", "sh", "-c", script];
  const why = ["--reason", "it hangs"];

  test("what is said goes to the evidence, the server is replaced, and no request is lost", async () => {
    const server = await someServer();
    using load = startLoad({ url: `http://127.0.0.1:${shop.port}/`, pages: ["one"] });
    const script = "read word; echo heard $word; echo loot > /tmp/loot; echo oops >&2; exit 7";
    const ran = await kiln.run(["exec", server, ...why, ...shell(script)], { input: "hello\n" });
    expect(ran.code).toBe(7);
    expect(ran.stdout).toBe("heard hello\n");
    expect(ran.stderr).toContain("oops\n");
    await waitUntil(() => isGone(server), limitMs, "the server is gone");
    await waitUntil(isWhole, limitMs, "three serve again");
    expect((await load.take()).losses).toEqual([]);
    const { transcripts = [] } = await kiln.json<EvidenceReport>(["evidence", "show", server]);
    const path = join(kiln.home, "../case.tar");
    await kiln.ok(["evidence", "export", server, "--output", path]);
    const untar = (name: string) => execFileSync("tar", ["-xOf", path, name], { encoding: "utf8" });
    expect(untar("writable/tmp/loot")).toBe("loot\n");
    const lines = untar(transcripts[0] ?? "")
      .split("\n")
      .slice(0, -1);
    const said = lines.slice(1).map((line) => JSON.parse(line).slice(1));
    expect(said).toContainEqual(["i", "hello\n"]);
    expect(said).toContainEqual(["o", "heard hello\n"]);
    expect(said).toContainEqual(["e", "oops\n"]);
    const told = await events(server);
    const order = ["exec.started", "server.tainted", "exec.ended", "evidence.kept"];
    const places = order.map((kind) => told.indexOf(kind));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
    expect(told).not.toContain("drift.found");
  });

  test("the command may do what the server may, and no more", async () => {
    const script =
      "id -u; echo $TOKEN; cat /proc/self/status | grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):'; mount -t tmpfs none /tmp";
    const ran = await kiln.run(["exec", await someServer(), ...why, "--json", ...shell(busybox(script))]);
    const { stdout, stderr, exitCode } = JSON.parse(ran.stdout);
    expect(ran.code).toBe(exitCode);
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain(`${token}\n`);
    expect(stdout).toMatch(/CapBnd:\t0+\nCapEff|CapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1\nSeccomp:\t2\n/);
    expect(stderr).toMatch(/permission denied|not permitted/i);
    await waitUntil(isWhole, limitMs, "three serve again");
  });

  test("a terminal is one in the server too", async () => {
    const inner = `${kilnPath} exec ${await someServer()} -r typing -- /bin/busybox sh -c '/bin/busybox tty; exit 3'`;
    const ran = spawn("script", ["-qec", inner, "/dev/null"], {
      env: { ...process.env, KILN_HOME: kiln.home, NO_COLOR: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let seen = "";
    ran.stdout.on("data", (chunk) => (seen += chunk));
    const code = await new Promise((resolve) => ran.once("close", resolve));
    expect(seen).toContain("/dev/pts/");
    expect(code).toBe(3);
    await waitUntil(isWhole, limitMs, "three serve again");
  });

  test("while it lasts the server runs on without traffic, over a new release and a killed controller", async () => {
    const server = await someServer();
    const session = spawn(
      kilnPath,
      ["exec", server, ...why, ...shell("echo in; /bin/busybox cat; echo out")],
      {
        env: { ...process.env, KILN_HOME: kiln.home },
        stdio: ["pipe", "pipe", "ignore"],
      },
    );
    let heard = "";
    session.stdout.on("data", (chunk) => (heard += chunk));
    const closed = new Promise((resolve) => session.once("close", resolve));
    await waitUntil(() => heard === "in\n", limitMs, "someone is in");
    await waitUntil(isWhole, limitMs, "three others serve");
    expect((await servers()).find((s) => s.id === server)).toMatchObject({
      ...{ state: "quarantined", inTraffic: false, taint: { held: true, response: "replace" } },
    });
    process.kill((await kiln.controllerPid()) ?? 0, "SIGKILL");
    await kiln.ok(["controller", "start"]);
    await shop.setPage("two");
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await waitUntil(
      async () => (await servers()).length === 4,
      limitMs,
      "the old release is gone but for one",
    );
    session.stdin.end("still here\n");
    await closed;
    expect(heard).toBe("in\nstill here\nout\n");
    await waitUntil(() => isGone(server), limitMs, "the server is gone");
    expect((await kiln.run(["evidence", "show", server])).code).toBe(0);
  });

  test("one whose end no controller saw keeps no server", async () => {
    const server = await someServer();
    const session = spawn(kilnPath, ["exec", server, ...why, ...shell("echo in; /bin/busybox sleep 1000")], {
      env: { ...process.env, KILN_HOME: kiln.home },
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise((resolve) => session.stdout.once("data", resolve));
    session.kill("SIGKILL");
    await waitUntil(() => isGone(server), limitMs, "the server is gone");
    expect(await events(server)).toContain("was lost");
    await waitUntil(isWhole, limitMs, "three serve again");
  });

  test("a server like another one has no traffic, is entered without a taint, and is destroyed on demand", async () => {
    const server = await someServer();
    const made = await kiln.json<ReproductionStatus>(["server", "reproduce", server]);
    expect(made).toMatchObject({ id: `${server}__copy`, reproduces: server, state: "running" });
    expect((await kiln.json<ReproductionStatus>(["server", "reproduce", server])).id).toBe(made.id);
    const page = await fetch(`http://${made.address}:8080/`);
    expect(await page.text()).toBe(await shop.page());
    const script = "echo $KILN_SERVER $TOKEN; echo mark > /tmp/mark; /bin/busybox cat /tmp/mark";
    const ran = await kiln.ok(["exec", made.id, ...why, ...shell(script)]);
    expect(ran.stdout).toBe(`${made.id} ${token}\nmark\n`);
    expect((await kiln.ok(["servers", "shop"])).stdout).toMatch(
      new RegExp(`${made.id} +running .* no +.*reproduction of ${server}`),
    );
    const real = await servers();
    expect(real).toHaveLength(3);
    expect(real.every((s) => s.inTraffic && s.taint === undefined && s.address !== made.address)).toBe(true);
    expect((await kiln.run(["logs", made.id])).code).toBe(0);
    process.kill((await kiln.controllerPid()) ?? 0, "SIGKILL");
    await kiln.ok(["controller", "start"]);
    expect((await kiln.json<ReproductionStatus>(["server", "reproduce", server])).address).toBe(made.address);
    await kiln.ok(["server", "destroy", made.id]);
    expect((await kiln.ok(["servers", "shop"])).stdout).not.toContain("__copy");
    await kiln.ok(["server", "reproduce", server]); // goes with its service: nothing of it may be left in the end
    expect((await kiln.run(["server", "reproduce", "shop-9-9-9"])).code).toBe(1);
  });

  test("bad input costs no server", async () => {
    const server = await someServer();
    const bad: readonly (readonly [readonly string[], number, RegExp])[] = [
      [["exec", server, "--", "/bin/busybox"], 2, /needs a reason/],
      [["exec", server, ...why], 2, /COMMAND|command/],
      [["exec", "shop-9-9-9", ...why, "--", "/bin/busybox"], 1, /no server shop-9-9-9/],
      [["exec", server, ...why, "--", "nonsense"], 2, /no program "nonsense"/],
    ];
    for (const [argv, code, words] of bad) {
      const ran = await kiln.run(argv);
      expect([argv, ran.code, ran.stderr]).toEqual([argv, code, expect.stringMatching(words)]);
    }
    expect((await servers()).every((s) => s.taint === undefined)).toBe(true);
  });
});

/** The image has one program, under one name. */
function busybox(script: string): string {
  return script.replaceAll(/\b(id|cat|grep|mount)\b(?= )/g, "/bin/busybox $1");
}
