import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceStatus } from "../../src/controller/operations.ts";
import { type Installation, install, whyNoServers } from "./harness.ts";
import { type Behaviour, type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: servers that fail, because ${why}.`);

interface Ended {
  readonly phase: string;
  readonly failures: readonly {
    readonly reason: string;
    readonly probes: readonly string[];
    readonly logTail: readonly string[];
  }[];
}

/** What is wrong with the servers, and what their user reads: reason, probe result, last line. */
const faults = [
  ["exits at once", /exited with code 7 after/, undefined, "giving up"],
  ["never answers", /was not ready within 3 s: connection refused/, "connection refused", "thinking"],
  [
    "listens for itself alone",
    /was not ready within 3 s: connection refused: it listens on port 8080 only for itself/,
    "connection refused: it listens on port 8080 only for itself",
    undefined,
  ],
  [
    "listens on another port",
    /was not ready within 3 s: connection refused: it does not listen on port 8080, but on 3000/,
    "connection refused: it does not listen on port 8080, but on 3000",
    undefined,
  ],
  [
    "answers 500",
    /was not ready within 3 s: GET \/ answered 500: out of order/,
    "GET / answered 500",
    undefined,
  ],
  ["serves after five seconds", /was not ready within 3 s/, "connection refused", undefined],
] as const satisfies readonly (readonly [Behaviour, RegExp, string | undefined, string | undefined])[];

describe.skipIf(why !== undefined)("servers that fail", () => {
  let kiln: Installation;
  let shop: LittleService;
  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop");
    await kiln.ok(["deploy"], { cwd: shop.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test.each(faults)(
    "one that %s: back to the release that serves, and the reason is shown",
    async (behaviour, reason, probe, line) => {
      await shop.configure({ behaviour });
      const { code, stdout, stderr } = await kiln.run(["deploy"], { cwd: shop.folder });
      expect(code).toBe(4);
      expect(stdout).toMatch(
        /^Rolled back shop, release \d+ -> 1, after .*\n {2}Release 1 serves as before\.$/m,
      );
      expect(stdout).toMatch(reason);
      if (probe !== undefined) expect(stderr).toContain(`  probe  ${probe}`);
      if (line !== undefined) expect(stderr).toContain(`  | ${line}`);
      expect(await shop.page()).toBe("one");
      const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "shop"]);
      expect(status?.rollout).toBeUndefined();
      expect(status?.serving?.number).toBe(1);
      expect(status?.servers.filter((s) => s.inTraffic).map((s) => s.release)).toEqual([1, 1]);
    },
  );

  test("on the first deploy nothing is left but the reason", async () => {
    const first = await littleService(kiln, "first", { behaviour: "exits at once" });
    const { code, stdout } = await kiln.run(["deploy", "--json"], { cwd: first.folder });
    expect(code).toBe(1);
    const ended = JSON.parse(stdout) as Ended;
    expect(ended.phase).toBe("failed");
    expect(ended.failures.at(-1)?.logTail).toEqual(["no configuration", "giving up"]);
    expect(await first.page()).toBeUndefined();
    const [status] = await kiln.json<readonly ServiceStatus[]>(["status", "first"]);
    expect([status?.serving, status?.servers]).toEqual([undefined, []]);
    expect((await kiln.leftovers()).filter((line) => line.includes("first-"))).toEqual([]);
    expect((await kiln.ok(["rollout", "show", "first"])).stdout).toContain("giving up");
    await first.configure({ behaviour: "serves" });
    await kiln.ok(["deploy"], { cwd: first.folder });
    expect(await first.page()).toBe("one");
  });
});
