import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import type { Rollout } from "../../src/domain/rollout/rollout.ts";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { serverProcesses } from "../../src/platform/linux/server-processes.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: jobs, because ${why}.`);

/** One job as YAML; `script` is for busybox's shell. */
const job = (name: string, script: string, deadline = "20s") =>
  JSON.stringify({ name, command: ["/bin/busybox", "sh", "-c", script], deadline });
const before = (...jobs: readonly string[]) => `{ before: [${jobs.join(", ")}] }`;
const after = (...jobs: readonly string[]) => `{ after: [${jobs.join(", ")}] }`;

describe.skipIf(why !== undefined)("jobs with real servers", () => {
  let kiln: Installation;
  let shop: LittleService;
  const status = async () => {
    const [service] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
    if (service === undefined) throw new Error("the service has a status");
    return service;
  };
  const lastRollout = async () => {
    const { rollouts } = await kiln.json<{ readonly rollouts: readonly Rollout[] }>(["history", "shop"]);
    const [last] = rollouts;
    if (last === undefined) throw new Error("there has been a rollout");
    return last;
  };
  /** Deploys the present page under another name, with these jobs. */
  async function deploy(page: string, jobs: string, ...more: readonly string[]) {
    await shop.setPage(page);
    await shop.configure({ more: `jobs: ${jobs}` });
    return kiln.run(["deploy", ...more], { cwd: shop.folder });
  }
  const eventKinds = async () => {
    const { stdout } = await kiln.ok(["audit", "--subject", "shop", "--tail", "all", "--json"]);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string; data: { job?: string; rollout?: number } });
  };

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", { behaviour: "serves", bake: "50ms" });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("a first deploy whose job fails serves nothing and says why", async () => {
    const jobs = before(job("migrate", "echo no database; echo giving up >&2; exit 3"));
    const { code, stderr, stdout } = await deploy("none", jobs);
    expect(code).toBe(1);
    expect(stderr).toMatch(/job migrate exited with code 3 after/);
    expect(stderr).toMatch(/no database\n.*giving up/);
    expect(stdout).toContain(": job migrate exited with code 3");
    const { servers, serving } = await status();
    expect([servers, serving]).toEqual([[], undefined]);
  });

  test("jobs run in their order, with the release's configuration, before any server exists", async () => {
    const script = 'echo "$0 $KILN_RELEASE $KILN_SERVER"; busybox() { /bin/busybox "$@"; }; busybox sleep 4';
    const running = deploy("one", before(job("first", script), job("second", script)));
    await waitUntil(
      async () => {
        const ran = await kiln.run(["status", "shop", "--json"]);
        const [now] = JSON.parse(ran.stdout || "[]") as readonly ServiceStatus[];
        return now?.jobs.some(({ name, state }) => name === "first" && state === "running") ?? false;
      },
      30_000,
      "the first job runs",
    );
    expect((await status()).servers).toEqual([]);
    const shown = (await kiln.ok(["rollout", "show", "shop"])).stdout;
    expect(shown).toMatch(/job first: running .* of 20/);
    const { code, stderr } = await running;
    expect([code, await shop.page()]).toEqual([0, "one"]);
    expect(stderr).toContain("begins job second");
    const { jobs } = await lastRollout();
    expect(jobs.map(({ name, end }) => [name, end?.outcome])).toEqual([
      ["first", "succeeded"],
      ["second", "succeeded"],
    ]);
    expect(jobs[1]?.startedAtMs).toBeGreaterThanOrEqual(jobs[0]?.end?.atMs ?? Number.POSITIVE_INFINITY);
    expect((await kiln.ok(["logs", "shop", "--job", "first"])).stdout).toMatch(
      /^sh \d+ shop-\d+-\d+_first\n$/,
    );
    expect((await kiln.ok(["history", "shop"])).stdout).toMatch(/job first .*job second .*raising/);
  });

  test("a failing one leaves the old release as it is", async () => {
    const servers = (await status()).servers.map((s) => s.id);
    const { code, stderr } = await deploy(
      "two",
      before(job("migrate", "echo wrong; exit 9"), job("never", "exit 0")),
    );
    expect([code, await shop.page()]).toEqual([4, "one"]);
    expect(stderr).toMatch(/job migrate exited with code 9/);
    expect((await status()).servers.map((s) => s.id)).toEqual(servers);
    const { id, to, phase, jobs } = await lastRollout();
    expect([phase, jobs.map((run) => run.name)]).toEqual(["rolled-back", ["migrate"]]);
    const events = await eventKinds();
    const told = events.filter((e) => e.data.rollout === id && /^(job|rollout)\./.test(e.kind));
    expect(told.map((e) => e.kind)).toEqual([
      ...["rollout.started", "job.started", "job.failed", "rollout.turned-back", "rollout.rolled-back"],
    ]);
    expect((await kiln.ok(["logs", `shop-${to}-${id}_migrate`])).stdout).toBe("wrong\n");
  });

  test("one that does not end is ended, also when it ignores the signal", async () => {
    const stubborn = "trap '' TERM; echo begun; while :; do /bin/busybox sleep 1; done";
    const { code, stderr } = await deploy("three", before(job("endless", stubborn, "2s")));
    expect([code, await shop.page()]).toEqual([4, "one"]);
    expect(stderr).toMatch(/job endless did not end within 2 s/);
    expect(processesOf("endless")).toEqual([]);
  });

  test("one that forks and stays ends with its main process, all of it", async () => {
    const forks =
      "(trap '' TERM HUP; while :; do /bin/busybox sleep 1; done) & /bin/busybox sleep 1; echo away";
    const running = deploy("four", before(job("forks", forks)));
    await waitUntil(() => processesOf("forks").length > 1, 30_000, "it has forked");
    const { code } = await running;
    expect([code, await shop.page()]).toEqual([0, "four"]);
    expect(processesOf("forks")).toEqual([]);
    const left = (await kiln.leftovers()).filter((line) => line.includes("_forks"));
    expect(left).toEqual([]);
    expect((await kiln.ok(["logs", "shop", "--job", "forks"])).stdout).toBe("away\n");
  });

  test("an `after` job sees all the traffic; when it fails, the old release serves again", async () => {
    const ask = (page: string) =>
      `/bin/busybox wget -q -O - http://$GATEWAY:${shop.port}/ | /bin/busybox grep -q ${page}`;
    const gateway = "GATEWAY=$(/bin/busybox ip route | /bin/busybox awk '/default/ {print $3}')";
    const fine = await deploy("five", after(job("smoke", `${gateway}; ${ask("five")}`)));
    expect([fine.stderr, fine.code, await shop.page()]).toEqual([expect.anything(), 0, "five"]);
    const bad = await deploy("six", after(job("smoke", `${gateway}; ${ask("no-such-page")} || exit 5`)));
    expect([bad.code, await shop.page()]).toEqual([4, "five"]);
    expect(bad.stderr).toMatch(/job smoke exited with code 5/);
  });

  test("aborting ends the running job", async () => {
    const running = deploy("seven", before(job("long", "echo begun; /bin/busybox sleep 1000", "10m")));
    await waitUntil(() => processesOf("long").length > 0, 30_000, "it runs");
    await kiln.run(["rollout", "abort", "shop"]);
    expect([(await running).code, await shop.page()]).toEqual([4, "five"]);
    expect(processesOf("long")).toEqual([]);
    expect((await lastRollout()).jobs).toMatchObject([{ name: "long", end: { outcome: "stopped" } }]);
  });

  test("kill -9 of the controller: the job continues, once, and so does the rollout", async () => {
    const script = "echo begun; /bin/busybox sleep 3; echo done";
    const running = deploy("eight", before(job("migrate", script)));
    await waitUntil(() => processesOf("migrate").length > 0, 30_000, "it runs");
    const [first] = processesOf("migrate");
    const controller = await kiln.controllerPid();
    if (controller === undefined) throw new Error("a controller runs");
    process.kill(controller, "SIGKILL");
    const { code } = await running;
    expect([code, await shop.page()]).toEqual([0, "eight"]);
    expect(first).toBeDefined();
    expect((await kiln.ok(["logs", "shop", "--job", "migrate"])).stdout).toBe("begun\ndone\n");
    const { id } = await lastRollout();
    const started = (await eventKinds()).filter((e) => e.kind === "job.started" && e.data.rollout === id);
    expect(started).toHaveLength(1);
  });

  test("plan tells of them, and a rollback runs none", async () => {
    await shop.setPage("nine");
    await shop.configure({
      more: `jobs: { before: [${job("migrate", "exit 0")}], after: [${job("smoke", "exit 0")}] }`,
    });
    const { stdout } = await kiln.ok(["plan"], { cwd: shop.folder });
    expect(stdout).toMatch(
      /1\. +job migrate[\s\S]*2 servers[\s\S]*traffic[\s\S]*job smoke[\s\S]*end: complete/,
    );
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await kiln.ok(["rollback", "--service", "shop"]);
    expect([(await lastRollout()).jobs, await shop.page()]).toEqual([[], "eight"]);
  });

  test("remove takes their logs along", async () => {
    await kiln.ok(["remove", "shop", "--yes"]);
    const kept = readdirSync(`${kiln.home}/servers`).filter((name) => name.startsWith("shop"));
    expect(kept).toEqual([]);
  });

  /** Processes of this job. */
  function processesOf(name: string): readonly number[] {
    const { tag } = openStateFolder({ KILN_HOME: kiln.home });
    return serverProcesses(tag, (id) => id.startsWith("shop-") && id.endsWith(`_${name}`));
  }
});
