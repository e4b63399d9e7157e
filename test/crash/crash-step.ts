import { IdentityExchange } from "../../src/access/oidc/exchange.ts";
import { TestInstallation } from "../../src/controller/testing.ts";
import { draftOf } from "../../src/domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../src/domain/testing.ts";
import { toKilnError } from "../../src/lib/errors.ts";
import { systemClock } from "../../src/lib/time/clock.ts";

const pipeline = {
  actor: { via: "token", kind: "ci", name: "shop-ci", token: "abcdefgh", address: "192.0.2.1" },
} as const;

/** The pin that tokens of the test are for. */
const pin = "p".repeat(43);

/** What someone asks of a controller that has just been started. */
const steps: Readonly<Record<string, (t: TestInstallation, given: string) => Promise<unknown>>> = {
  exchange: async ({ store }, idToken) => {
    const exchange = new IdentityExchange(store, systemClock);
    return (await exchange.exchange({ idToken }, { pin, address: "192.0.2.1" })).name;
  },
  plan: async ({ controller }) => {
    const draft = { ...draftOf(aRelease(1)), secrets: [], files: [] };
    const change = { kind: "deploy" as const, count: 3, policy: aPolicy(), draft };
    return (await controller.plan({ service: "shop", change }, pipeline)).digest;
  },
  approve: async ({ controller }, given) => {
    const [name = "", plan = ""] = given.split(" ");
    const { actor } = anAsker(name);
    const who = { actor: { ...actor, name, uid: name.length + 1_000 } };
    await controller.approve({ plan }, who);
    return name;
  },
  deploy: async (t) => (await t.deploy(1, {}, pipeline)).rollout,
  settle: async (t) => {
    const { serving, servers } = await t.settled();
    return [serving?.number, servers.length];
  },
};

/** Run by crash.test.ts in a process of its own, which may be killed in its midst: one step, and what came of it as JSON. */
async function main([folder, step = "", given = ""]: readonly string[]): Promise<void> {
  const t = new TestInstallation(folder);
  const done = await steps[step]?.(t, given).catch((thrown: unknown) => {
    const { message, problems } = toKilnError(thrown);
    return { refused: [message, ...problems.map((problem) => problem.message)].join(" ") };
  });
  await t.stop();
  process.stdout.write(JSON.stringify(done));
}

await main(process.argv.slice(2));
