import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aCall, hostPerTest, type TestHost, until, whyNoContainers } from "../test-host.ts";

const reason = whyNoContainers();
if (reason) console.log(`Logs of servers are not tested: ${reason}.`);

describe.skipIf(reason)("logs", () => {
  let t: TestHost;
  hostPerTest((host) => {
    t = host;
  });

  const id = "shop-1-1-1";

  test("keep streams and times apart and put long lines together", async () => {
    const long = "x".repeat(100_000);
    await t.run(id, `echo out; echo err >&2; perl -e 'print "x" x 100000, "\\n"'; echo; printf unended`);
    await until(async () => (await t.find(id))?.state === "exited");
    const lines = [];
    for await (const line of t.host.logs.read(id, {}, aCall().signal)) lines.push(line);
    expect(lines.filter(({ stream }) => stream === "stdout").map(({ text }) => text)).toEqual([
      "out",
      long,
      "",
      "unended",
    ]);
    expect(lines.filter(({ stream }) => stream === "stderr").map(({ text }) => text)).toEqual(["err"]);
    expect(Math.abs((lines[0]?.atMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await t.lines(id, { tail: 2 })).toEqual(["", "unended"]);
    expect(await t.lines(id, { tail: 0 })).toEqual([]);
    expect(await t.lines(id, { tail: 99 })).toHaveLength(5);
  });

  test("are followed until the server ends", async () => {
    await t.run(id, "trap 'echo bye; exit 0' TERM; echo one; echo two; while :; do sleep 0.1; done");
    await until(async () => (await t.lines(id)).length === 2);
    const followed: string[] = [];
    for await (const { text } of t.host.logs.read(id, { tail: 1, follow: true }, aCall().signal)) {
      followed.push(text);
      if (text === "two") void t.host.stop(id, 10_000, aCall());
    }
    expect(followed).toEqual(["two", "bye"]);
  });

  test("stop being followed when the reader has had enough", async () => {
    await t.run(id, "exec sleep 1000");
    const lines = t.host.logs.read(id, { follow: true }, AbortSignal.timeout(50));
    for await (const _ of lines);
  });

  test("are rotated without losing a line, also for who follows them", { timeout: 400_000 }, async () => {
    const count = 240_000;
    await t.run(
      id,
      `exec perl -e '$| = 1; select(undef,undef,undef,0.3); printf "%06d %s\\n", $_, "y" x 40 for 1..${count}'`,
    );
    const followed = t.lines(id, { follow: true, withinMs: 300_000 });
    const log = join(t.state.servers, id, "log");
    await until(async () => (await t.find(id))?.state === "exited", 300_000);
    expect(existsSync(`${log}.1`)).toBe(true);
    const numbers = (lines: readonly string[]) => lines.map((line) => Number(line.slice(0, 6)));
    const all = Array.from({ length: count }, (_, i) => i + 1);
    expect(sameNumbers(numbers(await followed), all)).toBe("same");
    expect(sameNumbers(numbers(await t.lines(id)), all)).toBe("same");
    expect(numbers(await t.lines(id, { tail: 150_000 }))[0]).toBe(count - 150_000 + 1);
  });
});

/** Comparing large arrays with `toEqual` prints megabytes when they differ. */
function sameNumbers(found: readonly number[], expected: readonly number[]): string {
  const at = expected.findIndex((number, i) => found[i] !== number);
  if (at < 0 && found.length === expected.length) return "same";
  return `${found.length} of ${expected.length}; line ${at + 1} is ${found[at]}`;
}
