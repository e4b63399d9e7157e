import { expect, test } from "vitest";
import { aServer, aStatus } from "../../../controller/services/testing.ts";
import { aFailure, aFinding, aRelease, aTaint } from "../../../domain/testing.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import type { Client, ServerStatus } from "../../api.ts";
import { cli } from "../../test-kit.ts";

/** A server on which something was found. */
function tainted(overrides: Partial<ServerStatus> = {}): ServerStatus {
  const { server: _, ...taint } = aTaint(1, { finding: aFinding({ detail: "a shell \u001b[31mruns" }) });
  return aServer({ taint: { ...taint, replacedBy: "shop-2-1-2" }, ...overrides });
}

test.each<[string, Partial<ServerStatus>]>([
  ["ready, where drift is only reported", {}],
  ["quarantined", { state: "quarantined", inTraffic: false }],
])("status and servers use the same words for a tainted server that is %s", async (_, overrides) => {
  const servers = [tainted(overrides), aServer({ id: "shop-2-2-1" })];
  const client: Partial<Client> = { services: async () => [aStatus({ servers })] };
  for (const command of ["status", "servers"]) {
    const { stdout } = await cli([command, "shop"], { client });
    expect(stdout).toMatch(/shop-2-1-1 .* tainted: a shell runs; shop-2-1-2 takes its place\n/);
    expect(stdout).toMatch(/shop-2-2-1 .* GET \/ answered 200\n/);
  }
  expect((await cli(["status"], { client })).stdout).toContain("serving, 1 server tainted\n");
});

test("status and servers name a target that cannot be seen, also where no server of it is known", async () => {
  const trouble = { message: "The first look takes its time.", hint: undefined, sinceMs: 0 };
  const silent = aStatus({ servers: [], target: { ...aStatus().target, trouble } });
  const client: Partial<Client> = { services: async () => [silent] };
  for (const command of ["status", "servers"])
    expect((await cli([command], { client })).stdout).toContain(
      "cannot be seen; this is what was seen last. The first look",
    );
});

const dayMs = 86_400_000;
const failures = [
  aFailure({ id: "shop-3-1-1", release: 3, atMs: 10 }),
  aFailure({
    id: "shop-3-2-1",
    release: 3,
    atMs: 20,
    probes: ["GET / refused"],
    logTail: ["no \u001b[31mconfiguration"],
  }),
];

/** What status says of failed servers. */
async function told(nowMs: number, serving: number): Promise<string | undefined> {
  const client: Partial<Client> = {
    services: async () => [aStatus({ failures, serving: aRelease(serving) })],
  };
  const { stdout } = await cli(["status", "shop"], { client, clock: { ...systemClock, now: () => nowMs } });
  return /\n\n\d+ servers? failed .*/s.exec(stdout)?.[0];
}

test("status shows a failed server with its last output", async () => {
  expect(await told(30, 2)).toMatch(
    /2 servers failed lately; `kiln status shop --json` lists all\. The last one:\nfailed shop-3-2-1 .*\n {2}probe {2}GET \/ refused\n {2}Last output:\n {2}\| no configuration\n/,
  );
});

test("status hides failures after a day, and after a successful rollout", async () => {
  expect(await told(dayMs + 15, 3)).toMatch(/1 server failed lately:\nfailed shop-3-2-1 /);
  expect(await told(dayMs + 25, 3)).toBeUndefined();
  expect(await told(30, 4)).toBeUndefined();
});
