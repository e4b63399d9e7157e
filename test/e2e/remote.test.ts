import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { anIssuer, gitlabClaims, signed } from "../../src/access/oidc/testing.ts";
import { type Installation, install, kilnPath, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";
import { runAction, runComponent } from "./pipelines.ts";

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
  "a machine that has only a context builds, deploys, looks and rolls back over the network, and is shut out at once; pipelines need not even that",
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
    await deployedByPipelines(there, here, shop);
  },
);

/** A job of GitHub Actions, and one of GitLab, on a machine that has neither a context nor a secret. */
async function deployedByPipelines(there: Installation, here: Installation, shop: LittleService) {
  await using issuer = await anIssuer();
  const env = { KILN_HOME: here.home, GITHUB_STEP_SUMMARY: join(here.home, "summary.md"), ...issuer.job };
  const github = ["--github", issuer.url, "--claim", "repository_id=74", "--claim", "environment=production"];
  const controller = await trusted(there, "shop-ci", ...github);
  await shop.setPage("edition 3");
  await runAction({ controller }, env, shop.folder);
  expect(await shop.page()).toBe("edition 3");
  expect(await readFile(env.GITHUB_STEP_SUMMARY, "utf8")).toMatch(/````text\n[^`]*release 3/);
  const job = { cwd: shop.folder, env: { ...issuer.job, KILN_CONTROLLER: controller } };
  expect((await here.ok(["whoami"], job)).stdout).toMatch(/shop-ci.*pipeline.*\n.*deployer of shop\n/);
  expect((await here.run(["access", "ls"], job)).stderr).toContain("[forbidden]");
  const { claims } = issuer.tokens;
  issuer.tokens.claims = (audience) => ({ ...claims(audience), event_name: "pull_request" });
  expect((await here.run(["deploy"], job)).stderr).toMatch(
    /\[identity_refused\].*a proposed change started it/,
  );
  await deployedByGitLab(there, here, shop);
  const events = (await there.ok(["audit", "log", "--json"])).stdout;
  expect(events).toMatch(/"kind":"access.exchanged".*acme\/shop/);
  expect(events).toMatch(/"kind":"rollout.started".*"kind":"ci".*"run":/);
  expect(events).not.toMatch(/kiln_ci_\w|eyJ/);
  issuer.tokens.claims = claims;
  await there.ok(["access", "trust", "rm", "shop-ci"]);
  expect((await here.run(["status"], job)).stderr).toMatch(/\[identity_refused\].*no trust rule/);
}

/** Its only token is exchanged once: the job's commands share what it gave, and elsewhere it is worth nothing. */
async function deployedByGitLab(there: Installation, here: Installation, shop: LittleService) {
  await using issuer = await anIssuer();
  const gitlab = ["--gitlab", issuer.url, "--claim", "project_id=20", "--claim", "ref=main"];
  const controller = await trusted(there, "shop-gitlab", ...gitlab);
  let token = "";
  await shop.setPage("edition 4");
  const env = { KILN_HOME: here.home, XDG_CONFIG_HOME: join(here.home, "gitlab") };
  await runComponent({ controller, kiln: kilnPath }, env, shop.folder, async (audience) => {
    token = await signed(gitlabClaims(issuer.url, audience, Date.now()), issuer.key);
    return token;
  });
  expect(await shop.page()).toBe("edition 4");
  const stolen = {
    KILN_CONTROLLER: controller,
    KILN_ID_TOKEN: token,
    XDG_CONFIG_HOME: join(here.home, "thief"),
  };
  expect((await here.run(["status"], { env: stolen })).stderr).toContain("it was used before (jti)");
}

/** Adds a trust rule; returns how pipelines reach the controller. */
async function trusted(there: Installation, name: string, ...of: readonly string[]): Promise<string> {
  const may = ["--role", "deployer", "--service", "shop"];
  const { controllers } = await there.json<{ readonly controllers: readonly string[] }>([
    ...["access", "trust", "add", name, "--private", ...of, ...may],
  ]);
  return controllers[0] ?? "";
}
