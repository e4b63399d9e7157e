import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { install, whyNoServers, writeFiles } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: policies from end to end, because ${why}.`);

test.skipIf(why !== undefined)(
  "a freeze and a policy file refuse deploys with their places, and break-glass shows until it is reviewed",
  async () => {
    await using kiln = await install();
    const shop = await littleService(kiln, "shop", {});
    const at = { cwd: shop.folder };
    await shop.setPage("edition 1");
    await kiln.ok(["deploy"], at);
    await kiln.ok(["freeze", "none", "--reason", "incident 12", "--for", "4h"], at);
    await shop.setPage("edition 2");
    const frozen = await kiln.run(["deploy"], at);
    expect(frozen).toMatchObject({ code: 3, stderr: expect.stringMatching(/freeze 1: .*incident 12/) });
    expect((await kiln.ok(["plan"], at)).stdout).toContain("would be refused now");
    expect(await shop.page()).toBe("edition 1");
    await kiln.ok(["deploy", "--break-glass", "--reason", "payments fail"], at);
    expect(await shop.page()).toBe("edition 2");
    expect((await kiln.ok(["status", "shop"], at)).stdout).toContain("against policies");
    const rollout = (await kiln.ok(["policy", "show"], at)).stdout.match(/^(\d+) +shop /m)?.[1] ?? "";
    const own = await kiln.run(["review", rollout, "--reason", "It was right."], at);
    expect(own).toMatchObject({ code: 3, stderr: expect.stringContaining("expected another person") });
    await kiln.ok(["rollback", "--service", "shop"], at);
    expect(await shop.page()).toBe("edition 1");
    expect((await kiln.ok(["figures", "shop"], at)).stdout).toMatch(
      /Begun against policies +1 +1 rollouts; 1 not/,
    );
    await kiln.ok(["unfreeze", "none"], at);
    await writeFiles(shop.folder, { "policy.yaml": "policies:\n  none:\n    reason: required\n" });
    await kiln.ok(["policy", "set", "policy.yaml"], at);
    expect(await kiln.run(["deploy"], at)).toMatchObject({
      ...{ code: 3, stderr: expect.stringContaining("policy.yaml:3: no reason is given") },
    });
    await kiln.ok(["deploy", "--reason", "the second edition"], at);
    expect(await shop.page()).toBe("edition 2");
  },
);

test.skipIf(why !== undefined)(
  "an image climbs a ladder without a build, and the file that would change it on the way is refused",
  async () => {
    await using kiln = await install();
    const production = await freePort();
    const environments = (image: string) => `ladder: [staging, production]
environments:
  staging: {}
  production: {servers: {count: 1}, traffic: {listen: ${production}}${image}}`;
    const shop = await littleService(kiln, "shop", { more: environments(", image: {version: 2.0.0}") });
    const at = { cwd: shop.folder };
    expect(await kiln.run(["deploy", "--env", "staging"], at)).toMatchObject({
      ...{ code: 2, stderr: expect.stringContaining("`environments.production.image` makes another image") },
    });
    await shop.configure({ more: environments("") });
    await shop.setPage("edition 1");
    await kiln.ok(["deploy", "--env", "staging"], at);
    await rm(join(shop.folder, "www"), { recursive: true }); // no build could find it
    expect((await kiln.ok(["promote", "shop", "--to", "production", "--plan"], at)).stdout).toContain(
      "Digest: ",
    );
    await kiln.ok(["promote", "shop", "--to", "production"]);
    const page = await fetch(`http://127.0.0.1:${production}/`);
    expect((await page.text()).trim()).toBe("edition 1");
    const [candidate] = await kiln.json<readonly { readonly serves: readonly string[] }[]>([
      "candidate",
      "ls",
    ]);
    expect(candidate?.serves).toEqual(["staging", "production"]);
  },
);
