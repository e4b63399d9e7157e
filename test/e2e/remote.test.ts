import { join } from "node:path";
import { expect, test } from "vitest";
import { anIssuer } from "../../src/access/oidc/testing.ts";
import { type Installation, install, whyNoServers } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: a controller over the network, because ${why}.`);

/** Invites someone at the controller, and logs in on the other machine; returns the environment of its commands. */
async function loggedIn(there: Installation, here: Installation, name: string, ...grant: readonly string[]) {
  const env = { XDG_CONFIG_HOME: join(here.home, "..", `config-${name}`) };
  const { login } = await there.json<{ readonly login: string }>(["access", "invite", name, ...grant], {
    env,
  });
  await here.ok(["login", login], { env });
  return { env, login };
}

test.skipIf(why !== undefined)(
  "a machine that has only a context builds, deploys, looks and rolls back over the network, and is shut out at once",
  async () => {
    await using there = await install();
    await using here = await install();
    await there.ok(["controller", "listen", "127.0.0.1:0"]);
    const deployer = await loggedIn(there, here, "ada", "--role", "deployer", "--service", "shop");
    const shop = await littleService(here, "shop", {});
    const remote = { cwd: shop.folder, env: deployer.env };
    await shop.setPage("edition 1");
    expect((await here.ok(["deploy"], remote)).stderr).toMatch(/Sent \d.* of the image to the controller/);
    await shop.setPage("edition 2");
    await here.ok(["deploy"], remote);
    expect(await shop.page()).toBe("edition 2");
    await here.ok(["rollback", "--service", "shop"], remote);
    expect(await shop.page()).toBe("edition 1");
    expect((await here.ok(["status"], remote)).stdout).toContain("shop");
    expect(await here.controllerPid()).toBeUndefined();
    const events = (await there.ok(["audit", "log", "--json"])).stdout;
    expect(events).toMatch(/"kind":"rollout.started".*"via":"token"/);
    expect((await here.run(["login", deployer.login], remote)).stderr).toContain("[unauthenticated]");
    const other = deployer.login.replace(
      /\.(.)([\w-]{42})\.kiln_inv_/,
      (_, first: string, rest: string) => `.${first === "A" ? "B" : "A"}${rest}.kiln_inv_`,
    );
    expect((await here.run(["login", other], remote)).stderr).toContain("[controller_untrusted]");
    expect((await here.run(["remove", "shop", "--yes"], remote)).stderr).toContain("[forbidden]");
    await there.ok(["access", "revoke", "ada", "--reason", "left"]);
    expect((await here.run(["status"], remote)).stderr).toContain("[unauthenticated]");
    await shop.setPage("edition 3");
    await deployedByPipeline(there, here, shop.folder);
    expect(await shop.page()).toBe("edition 3");
  },
);

/** A job of GitHub Actions, on a machine that has neither a context nor a secret. */
async function deployedByPipeline(there: Installation, here: Installation, cwd: string): Promise<void> {
  await using issuer = await anIssuer();
  const of = [
    "--github",
    issuer.url,
    "--private",
    "--claim",
    "repository_id=74",
    "--claim",
    "environment=production",
  ];
  const may = ["--role", "deployer", "--service", "shop"];
  const { controllers } = await there.json<{ readonly controllers: readonly string[] }>([
    ...["access", "trust", "add", "shop-ci", ...of, ...may],
  ]);
  const job = { cwd, env: { ...issuer.job, KILN_CONTROLLER: controllers[0] ?? "" } };
  await here.ok(["deploy"], job);
  expect((await here.ok(["whoami"], job)).stdout).toMatch(
    /shop-ci.*pipeline.*\n.*deployer of shop\n.*expires in \d+ min/,
  );
  expect((await here.run(["access", "ls"], job)).stderr).toContain("[forbidden]");
  const events = (await there.ok(["audit", "log", "--json"])).stdout;
  expect(events).toMatch(/"kind":"access.exchanged".*acme\/shop/);
  expect(events).toMatch(/"kind":"rollout.started".*"kind":"ci".*"run":/);
  expect(events).not.toMatch(/kiln_ci_\w/);
  const { claims } = issuer.tokens;
  issuer.tokens.claims = (audience) => ({ ...claims(audience), event_name: "pull_request" });
  expect((await here.run(["deploy"], job)).stderr).toMatch(
    /\[identity_refused\].*a proposed change started it/,
  );
  issuer.tokens.claims = claims;
  await there.ok(["access", "trust", "rm", "shop-ci"]);
  expect((await here.run(["status"], job)).stderr).toMatch(/\[identity_refused\].*no trust rule/);
}
