import { existsSync, rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { exec } from "../../../lib/process/exec.ts";
import { aCall, hostPerTest, type TestHost, until, whyNoContainers } from "../test-host.ts";

const reason = whyNoContainers();
if (reason) console.log(`The life of servers is not tested: ${reason}.`);

describe.skipIf(reason)("the life of a server", () => {
  let t: TestHost;
  hostPerTest((host) => {
    t = host;
  });

  const id = "shop-1-1-1";
  const waits = "while :; do sleep 0.1; done";
  const written = (line: string) => until(async () => (await t.lines(id)).includes(line));

  test("with an init, orphans are reaped, signals reach the program, and its exit code is the server's", async () => {
    const orphans = "(sleep 0.1 &); (sleep 0.1 &); (sleep 0.1 &)";
    const zombies = "for f in /proc/[0-9]*/stat; do read p n s r <$f && echo $s; done";
    const script = `trap 'echo told; exit 7' TERM; ${orphans}; cat /proc/1/comm; sleep 1; echo states $(${zombies}); ${waits}`;
    await t.run(id, script, { init: true });
    await until(async () => (await t.lines(id)).length === 2);
    const [first, states] = await t.lines(id);
    expect([first, states]).toEqual(["init", expect.stringMatching(/^states( [RS])+$/)]);
    await t.host.stop(id, 10_000, aCall());
    expect(await t.lines(id)).toContain("told");
    expect((await t.find(id))?.exit).toMatchObject({ code: 7 });
  });

  test("it is stopped by the signal of its release, rather than its image's", async () => {
    const script = `trap 'echo usr1; exit 0' USR1; trap 'echo term; exit 0' TERM; echo up; ${waits}`;
    await t.run(id, script, { stop: { signal: "SIGUSR1" } });
    await written("up");
    await t.host.stop(id, 10_000, aCall());
    expect(await t.lines(id)).toContain("usr1");
  });

  test("it has the shared memory and the limits of its release", async () => {
    const limits = "echo files $(ulimit -Sn) $(ulimit -Hn), size $(ulimit -f), core $(ulimit -c)";
    const ulimits = { nofile: { soft: 100, hard: 200 }, fsize: { soft: -1, hard: -1 } };
    const shm = "while read a at b how; do [ $at = /dev/shm ] && echo $how; done </proc/mounts";
    await t.run(id, `${limits}; ${shm}; ${waits}`, { ulimits, sharedMemoryBytes: 8 * 1024 * 1024 });
    await until(async () => (await t.lines(id)).length === 2);
    const [given, memory] = await t.lines(id);
    expect(given).toBe("files 100 200, size unlimited, core 0");
    expect(memory).toContain("size=8192k");
  });

  test("it has the device of its release, with its owner and mode, and no other one", async () => {
    // A device that runc does not give by itself, under a name that no other test has.
    const numbers = existsSync("/dev/fuse") ? ["10", "229"] : ["1", "3"];
    const device = `/dev/kiln-test-${process.pid}`;
    await exec(["mknod", "--mode=0620", device, "c", ...numbers]);
    try {
      await exec(["chown", "0:4242", device]);
      const tries = `true >${device} && echo opened; true <${device} || echo refused`;
      const others = "for d in /dev/*; do [ -L $d ] || { [ -c $d ] && echo $d; }; done";
      await t.run(id, `${tries}; ${others}; echo done; ${waits}`, { devices: [device] }, { groups: [4242] });
      await written("done");
      const usual = ["full", "null", "random", "tty", "urandom", "zero"];
      const lines = (await t.lines(id)).filter((line) => !line.includes("ermission denied"));
      expect(lines).toEqual([
        ...["opened", "refused", ...[device, ...usual.map((name) => `/dev/${name}`)].sort(), "done"],
      ]);
    } finally {
      rmSync(device, { force: true });
    }
    await expect(t.run("shop-1-1-2", waits, { devices: [device] })).rejects.toMatchObject({
      ...{ code: "shape_unsupported", message: expect.stringContaining(device) },
    });
  });

  test("a limit that the machine cannot give is refused by its name, for good", async () => {
    const ulimits = { nofile: { soft: 1e10, hard: 1e10 } };
    await expect(t.run(id, waits, { ulimits })).rejects.toMatchObject({
      message: expect.stringContaining("nofile"),
      permanent: true,
    });
  });
});
