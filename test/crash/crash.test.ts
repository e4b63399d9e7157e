import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { anIssuer, githubClaims, signed } from "../../src/access/oidc/testing.ts";
import { TestInstallation } from "../../src/controller/testing.ts";
import { anAsker } from "../../src/domain/testing.ts";

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
  const recorded = (kind: string) => t.store.events({}).filter((event) => event.kind === kind).length;
  /** Looks at what is on the disk, with no controller. */
  const seen = async <Found>(look: () => Found): Promise<Found> => {
    t.start();
    const found = look();
    await t.stop();
    return found;
  };

  const audience = `kiln1.kiln.example.com:7443.${"p".repeat(43)}`;
  const idToken = await signed(githubClaims(issuer.url, audience, Date.now()), issuer.key);
  const tokens = () => [recorded("access.exchanged"), t.store.access.tokens().length];
  await step(folder, "exchange", idToken, "before access.exchanged");
  expect(await seen(tokens)).toEqual([0, 0]);
  await step(folder, "exchange", idToken, "after access.exchanged");
  expect(await seen(tokens)).toEqual([1, 1]);
  const again = { refused: expect.stringContaining("it was used before (jti)") };
  expect(await step(folder, "exchange", idToken)).toEqual(again);
  expect(await seen(tokens)).toEqual([1, 1]);

  const plan = String(await step(folder, "plan"));
  const approvals = () => t.store.policies.approvals(plan).map(({ by }) => by);
  await step(folder, "approve", `ben ${plan}`, "before plan.approved");
  expect(await seen(approvals)).toEqual([]);
  await step(folder, "approve", `ben ${plan}`, "after plan.approved");
  expect(await seen(approvals)).toEqual(["ben"]);
  expect(await step(folder, "approve", `ben ${plan}`)).toBe("ben");
  expect(await step(folder, "deploy")).toEqual({
    refused: expect.stringContaining("ben approved this plan; expected 2 persons"),
  });
  expect(await step(folder, "approve", `cleo ${plan}`)).toBe("cleo");

  const begun = () => [
    recorded("rollout.started"),
    recorded("release.created"),
    t.store.desired("shop")?.rollout?.id,
  ];
  await step(folder, "deploy", "", "before rollout.started");
  expect(await seen(begun)).toEqual([0, 0, undefined]);
  await step(folder, "deploy", "", "after rollout.started");
  expect(await seen(begun)).toEqual([1, 1, 1]);
  expect(await step(folder, "deploy")).toBe(1);
  expect(await step(folder, "settle")).toEqual([1, 3]);
  expect(await seen(() => t.store.log.check())).toBeUndefined();
  expect(await seen(begun)).toEqual([1, 1, undefined]);
  t.start();
});
