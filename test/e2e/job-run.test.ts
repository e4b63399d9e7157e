import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobStatus } from "../../src/controller/operations.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: runs of jobs from end to end, because ${why}.`);

const cron = `jobs:
  cron:
    - { name: tidy, schedule: "0 0 1 1 *", command: [/bin/busybox, echo, tidied] }
`;

describe.skipIf(why !== undefined)("runs of jobs, from end to end", () => {
  let kiln: Installation;
  let shop: LittleService;
  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop", { count: 1, more: cron });
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("a job runs when asked for, and a command with its output and exit code", async () => {
    expect((await kiln.ok(["job", "run", "shop", "--job", "tidy"])).stdout).toBe("tidied\n");
    const script = "echo begun; echo $KILN_SERVER; exit 5";
    const ran = await kiln.run(["job", "run", "shop", "--", "/bin/busybox", "sh", "-c", script]);
    expect([ran.code, ran.stdout]).toEqual([5, "begun\nshop-1-r2_run\n"]);
    const shown = await kiln.ok(["job", "show", "2", "shop"]);
    expect(shown.stdout).toMatch(/^run 2 of job run: failed\n[\s\S]*exited with code 5[\s\S]*\| begun\n/);
    const jobs = await kiln.json<readonly JobStatus[]>(["job", "ls", "shop"]);
    expect(jobs).toMatchObject([
      { job: "tidy", failedInARow: 0, runs: [{ id: 1, state: "succeeded" }] },
      { job: "run", failedInARow: 1, runs: [{ id: 2, end: { exitCode: 5 } }] },
    ]);
  });

  test("a controller that is killed meanwhile neither ends a run nor begins it again", async () => {
    const script = "echo begun; sleep 10; echo ended; exit 4";
    const running = kiln.run(["job", "run", "shop", "--", "/bin/busybox", "sh", "-c", script]);
    const hasBegun = async () => {
      const jobs = await kiln.json<readonly JobStatus[]>(["job", "ls", "shop"]);
      return jobs.some(({ runs }) => runs.some(({ id, log }) => id === 3 && log !== undefined));
    };
    await waitUntil(hasBegun, 120_000, "the run has begun");
    const pid = await kiln.controllerPid();
    if (pid === undefined) throw new Error("no controller runs");
    process.kill(pid, "SIGKILL");
    const { code, stdout } = await running;
    expect([code, stdout]).toEqual([4, "begun\nended\n"]);
  });
});
