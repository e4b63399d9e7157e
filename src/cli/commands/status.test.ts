import { expect, test } from "vitest";
import { aFinding, aTaint } from "../../domain/testing.ts";
import type { Client, ServerStatus } from "../api.ts";
import { aServer, aStatus, cli } from "../test-kit.ts";

/** A server on which something was found. */
function tainted(overrides: Partial<ServerStatus> = {}): ServerStatus {
  const { server: _, ...taint } = aTaint(1, { finding: aFinding({ detail: "a shell \u001b[31mruns" }) });
  return aServer({ taint: { ...taint, replacedBy: "shop-2-1-2" }, ...overrides });
}

test.each<[string, Partial<ServerStatus>]>([
  ["ready, where drift is only reported", {}],
  ["quarantined", { state: "quarantined", inTraffic: false }],
])("status and servers say the same of a tainted server that is %s", async (_, overrides) => {
  const servers = [tainted(overrides), aServer({ id: "shop-2-2-1" })];
  const client: Partial<Client> = { status: async () => [aStatus({ servers })] };
  for (const command of ["status", "servers"]) {
    const { stdout } = await cli([command, "shop"], { client });
    expect(stdout).toMatch(/shop-2-1-1 .* tainted: a shell runs; shop-2-1-2 takes its place\n/);
    expect(stdout).toMatch(/shop-2-2-1 .* GET \/ answered 200\n/);
  }
  expect((await cli(["status"], { client })).stdout).toContain("serving, 1 server tainted\n");
});
