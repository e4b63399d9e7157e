import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { anIssuer, githubClaims, signed } from "../../src/access/oidc/testing.ts";
import { TestInstallation } from "../../src/controller/testing.ts";
import { anAsker } from "../../src/domain/testing.ts";
import { steadyClock } from "../../src/lib/time/steady-clock.ts";
import { openStore, type Store } from "../../src/store/store.ts";

const file = (name: string) => new URL(name, import.meta.url).pathname;

/** One step of `crash-step.ts`, by a controller of its own; `crash`: the moment at which that one is killed (kill -9). */
async function step(
  folder: string,
  name: string,
  given = "",
  crash?: `${"before" | "after"} ${string}`,
): Promise<unknown> {
  const env = { ...process.env, ...(crash === undefined ? {} : { KILN_TEST_CRASH: crash }) };
  const argv = [...(crash === undefined ? [] : ["--import", file("crash-at.ts")]), file("crash-step.ts")];
  const child = spawn(process.execPath, [...argv, folder, name, given], {
    ...{ env, stdio: ["ignore", "pipe", "inherit"] },
  });
  const ended = once(child, "close");
  const said = await text(child.stdout);
  expect([name, given, await ended]).toEqual([
    ...[name, given],
    crash === undefined ? [0, null] : [null, "SIGKILL"],
  ]);
  return crash === undefined ? JSON.parse(said) : undefined;
}

test("a controller killed between exchange, approval and start leaves nothing half done, and nothing happens twice", {
  timeout: 300_000,
}, async () => {
  await using t = new TestInstallation();
  await using issuer = await anIssuer();
  const root = anAsker("root");
  t.store.access.setTrustRule(
    {
      ...{ name: "shop-ci", claims: { repository_id: ["74"] } },
      issuer: { kind: "github", url: issuer.url, isPrivate: true },
      grants: [{ role: "deployer", services: ["shop"], environments: ["*"] }],
    },
    root,
  );
  const policy = "policies:\n  none:\n    changes: ci-only\n    approvals: {count: 2}\n";
  await t.controller.setPolicy({ name: "policy.yaml", text: policy }, root);
  await t.stop();
  const { folder } = t;
  const recorded = (store: Store, kind: string) =>
    store.events({}).filter((event) => event.kind === kind).length;
  /** Looks at what is on the disk, with no controller. */
  const seen = <Found>(look: (store: Store) => Found): Found => {
    using store = openStore(join(folder, "kiln.db"), { clock: steadyClock(t.clock) });
    return look(store);
  };

  const audience = `kiln1.kiln.example.com:7443.${"p".repeat(43)}`;
  const idToken = await signed(githubClaims(issuer.url, audience, Date.now()), issuer.key);
  const tokens = (store: Store) => [recorded(store, "access.exchanged"), store.access.tokens().length];
  await step(folder, "exchange", idToken, "before access.exchanged");
  expect(seen(tokens)).toEqual([0, 0]);
  await step(folder, "exchange", idToken, "after access.exchanged");
  expect(seen(tokens)).toEqual([1, 1]);
  const again = { refused: expect.stringContaining("it was used before (jti)") };
  expect(await step(folder, "exchange", idToken)).toEqual(again);
  expect(seen(tokens)).toEqual([1, 1]);

  const plan = String(await step(folder, "plan"));
  const approvals = (store: Store) => store.policies.approvals(plan).map(({ by }) => by);
  await step(folder, "approve", `ben ${plan}`, "before plan.approved");
  expect(seen(approvals)).toEqual([]);
  await step(folder, "approve", `ben ${plan}`, "after plan.approved");
  expect(seen(approvals)).toEqual(["ben"]);
  expect(await step(folder, "approve", `ben ${plan}`)).toBe("ben");
  expect(await step(folder, "deploy")).toEqual({
    refused: expect.stringContaining("ben approved this plan; expected 2 persons"),
  });
  expect(await step(folder, "approve", `cleo ${plan}`)).toBe("cleo");

  const begun = (store: Store) => [
    recorded(store, "rollout.started"),
    recorded(store, "release.created"),
    store.desired("shop")?.rollout?.id,
  ];
  await step(folder, "deploy", "", "before rollout.started");
  expect(seen(begun)).toEqual([0, 0, undefined]);
  await step(folder, "deploy", "", "after rollout.started");
  expect(seen(begun)).toEqual([1, 1, 1]);
  expect(await step(folder, "deploy")).toBe(1);
  expect(await step(folder, "settle")).toEqual([1, 3]);
  expect(seen((store) => store.log.check())).toBeUndefined();
  expect(seen(begun)).toEqual([1, 1, undefined]);
});
