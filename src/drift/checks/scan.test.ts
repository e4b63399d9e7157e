import { expect, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { CheckName, Checks } from "./checks.ts";
import { startScan } from "./scan.ts";

const names: readonly CheckName[] = ["mounts", "processes", "limits"];

/** What is looked at in each second on these servers, where `told` says what another detector reports at once. */
async function looksOf(seconds: number, told: (server: string, name: CheckName) => boolean) {
  const clock = new FakeClock();
  const looks: string[][] = [];
  let pass: string[] = [];
  const checks: Checks = {
    names,
    members: () => [],
    look: ({ server }, name) => {
      pass.push(`${server} ${name}`);
      return [];
    },
  };
  const all = ["a", "b", "c", "d", "e"].map(subject);
  const scan = startScan({
    inspector: {
      subjects: () => all,
      watch: () => ({ [Symbol.dispose]() {} }),
      freeze: () => false,
      thaw() {},
    },
    ...{ checks, clock, log: silentLog },
    tell: () => {},
    missed: () => {},
    isTraced: () => true,
    isTold: ({ server }, name) => told(server, name),
    passed: () => {
      looks.push(pass);
      pass = [];
    },
    spaceSeen: () => {},
  });
  while (looks.length < seconds) await clock.advance(1_000);
  await scan[Symbol.asyncDispose]();
  return looks.slice(0, seconds);
}

function subject(server: string): Subject {
  return {
    server,
    service: "shop",
    release: 1,
    process: { pid: process.pid, startTicks: 1 },
    cgroup: "/none",
    cgroupFolders: [],
    baseline: { mounts: [], namespaces: {}, limits: [], bundle: [] },
    imageFiles: [],
  };
}

test("what no other detector reports is looked at every second, on every server", async () => {
  for (const looks of await looksOf(3, () => false)) expect(looks).toHaveLength(5 * names.length);
});

test("what another detector reports at once is looked at in turns: on every server once in four seconds", async () => {
  const looks = await looksOf(8, (_server, name) => name === "limits");
  for (const from of [0, 1, 2, 3, 4]) {
    const four = looks.slice(from, from + 4).flat();
    for (const server of "abcde") {
      expect(four.filter((look) => look === `${server} limits`)).toHaveLength(1);
      expect(four.filter((look) => look === `${server} mounts`)).toHaveLength(4);
    }
  }
});

test("a server that no other detector reports on has no turns", async () => {
  const looks = await looksOf(4, (server) => server !== "c");
  for (const pass of looks) expect(pass).toContain("c limits");
});

test("a process that was stopped for seconds reports a gap, and one that is only slow does not", async () => {
  const clock = new FakeClock();
  let stoppedMs = 0;
  const missed: number[] = [];
  const scan = startScan({
    inspector: {
      subjects: () => [],
      watch: () => ({ [Symbol.dispose]() {} }),
      freeze: () => false,
      thaw() {},
    },
    clock: {
      now: () => 0,
      elapsed: () => clock.elapsed() + stoppedMs,
      sleep: (ms, signal) => clock.sleep(ms, signal),
    },
    ...{ checks: { names, members: () => [], look: () => [] }, log: silentLog, tell: () => {} },
    ...{ isTraced: () => true, isTold: () => true, passed: () => {}, spaceSeen: () => {} },
    missed: ({ ms }) => missed.push(ms),
  });
  stoppedMs += 1_500;
  await clock.advance(1_000);
  expect(missed).toEqual([]);
  stoppedMs += 4_000;
  await clock.advance(1_000);
  expect(missed).toEqual([5_000]);
  await scan[Symbol.asyncDispose]();
});
