import { expect, test } from "vitest";
import type { Finding } from "../../domain/drift/drift.ts";
import { KilnError } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { DriftNotice } from "../contract/drift-source.ts";
import type { ChangedResource } from "./changed-resources.ts";
import { startTerraformDrift } from "./drift.ts";

const call = { signal: new AbortController().signal, deadline: Number.POSITIVE_INFINITY };

function changed(key: string | undefined, words: string): ChangedResource {
  return { address: key === undefined ? "net" : `vm["${key}"]`, key, attributes: ["size"], words };
}

function subject() {
  const world: { changes: readonly ChangedResource[] | KilnError; servers: string[] } = {
    changes: [],
    servers: ["a"],
  };
  const source = startTerraformDrift({
    groups: () => ["shop-1"],
    look: async () => {
      if (world.changes instanceof KilnError) throw world.changes;
      return world.changes;
    },
    serverOf: (name) =>
      world.servers.includes(name) ? { server: name, service: "shop", release: 1 } : undefined,
    ...{ everyMs: 2 ** 30, clock: systemClock, log: silentLog },
  });
  const findings: Finding[] = [];
  const notices: DriftNotice[] = [];
  source.watch((finding) => findings.push(finding));
  source.watchNotices((notice) => notices.push(notice));
  return { world, source, findings, notices };
}

test("a change of a server's machine is one finding, for as long as the server is there", async () => {
  const { world, source, findings, notices } = subject();
  await using _source = source;
  world.changes = [changed("a", "size is 2 and was 1")];
  for (let n = 0; n < 2; n++)
    expect(await source.inspect(call)).toMatchObject([{ server: "a", subject: 'vm["a"]', seenBy: "plan" }]);
  world.changes = [];
  expect(await source.inspect(call)).toHaveLength(1); // someone has changed it back
  world.servers = [];
  expect(await source.inspect(call)).toEqual([]);
  expect(findings).toHaveLength(1);
  expect(notices).toEqual([]);
});

test("a change of what servers share is reported once, and so is that Terraform cannot look", async () => {
  const { world, source, findings, notices } = subject();
  await using _source = source;
  world.changes = [changed(undefined, "size is 2 and was 1")];
  for (let n = 0; n < 2; n++) await source.inspect(call);
  world.changes = new KilnError("terraform_failed", "The credentials have expired.");
  for (let n = 0; n < 2; n++) await source.inspect(call);
  expect(findings).toEqual([]);
  expect(notices.map(({ kind, message }) => [kind, message])).toEqual([
    ["drift.object", "Of the group shop-1, net: size is 2 and was 1."],
    ["drift.tier", "Kiln does not see changes by others of the group shop-1: The credentials have expired."],
  ]);
});
