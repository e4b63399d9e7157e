import { mkdtempSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { createAccess } from "../../access/access.ts";
import { anIssuer, githubClaims, signed } from "../../access/oidc/testing.ts";
import { createApi } from "../../api/routes/routes.ts";
import { fakeOperations } from "../../api/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { aStore } from "../../store/testing.ts";
import { createRemote } from "../connect.ts";
import { pipelineEndpoint } from "./pipeline.ts";

const local = { actor: { via: "socket", name: "root", uid: 0 } } as const;

/** A controller over the network that lets pipelines of this issuer in. */
async function aController(issuerUrl: string) {
  const folder = mkdtempSync("/tmp/kiln-pipeline-");
  const opened = aStore();
  const { store, clock } = opened;
  clock.set(Date.now());
  const fake = fakeOperations();
  const access = createAccess({
    ...{ store, clock, log: silentLog, folder, operations: fake.operations },
    look: () => [],
    createApi: async (parts) => createApi({ ...fake.operations, ...access.operations }, silentLog, parts),
  });
  const { operations } = access;
  const { address } = await operations.listen({ address: "127.0.0.1:0", names: [] }, local);
  const { controllers } = await operations.trustPipelines(
    {
      name: "shop-ci",
      issuer: { kind: "github", url: issuerUrl, isPrivate: true },
      claims: { repository_id: ["74"], environment: ["production"] },
      grants: [{ role: "deployer", services: ["shop"], environments: ["production"] }],
    },
    local,
  );
  return {
    ...{ folder, operations, address, named: controllers[0] ?? "" },
    [Symbol.asyncDispose]: async () => {
      await access.close();
      opened[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

test("commands of one job that begin at once share what its only token is exchanged for", async () => {
  await using issuer = await anIssuer();
  await using controller = await aController(issuer.url);
  const idToken = await signed(githubClaims(issuer.url, controller.named, Date.now()), issuer.key);
  const env = { KILN_ID_TOKEN: idToken, XDG_CONFIG_HOME: controller.folder };
  const commands = [1, 2, 3].map(() => pipelineEndpoint(controller.named, env, systemClock));
  const [one, ...others] = await Promise.all(commands.map((endpoint) => endpoint()));
  expect(one?.token).toMatch(/^kiln_ci_/);
  expect(others).toEqual([one, one]);
});

test("a command that asks on finds the way in again after the controller or the issuer was away", async () => {
  await using issuer = await anIssuer();
  await using controller = await aController(issuer.url);
  const { operations, address } = controller;
  const env = { ...issuer.job, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "another" };
  const endpoint = pipelineEndpoint(controller.named, env, systemClock);

  await operations.unlisten({}, local);
  await expect(endpoint()).rejects.toMatchObject({ code: "controller_unreachable" });
  await operations.listen({ address, names: [] }, local);
  await expect(endpoint()).rejects.toMatchObject({ code: "issuer_unreachable" });
  Object.assign(env, issuer.job);
  const [one, other] = await Promise.all([endpoint(), endpoint()]);
  expect(one.token).toMatch(/^kiln_ci_/);
  expect(other).toEqual(one);
  expect(await endpoint()).toEqual(one);
});

test.each([
  ["", "KILN_CONTROLLER is empty;"],
  ["kiln.example.com", "KILN_CONTROLLER is kiln.example.com;"],
])("%j names no controller, and is never taken for the one of this machine", async (named, words) => {
  const asked = createRemote({ KILN_CONTROLLER: named }, systemClock)();
  await expect(asked).rejects.toMatchObject({ code: "usage", message: expect.stringContaining(words) });
});
