import { mkdtempSync, rmSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { createAccess } from "../../access/access.ts";
import { anIssuer } from "../../access/oidc/testing.ts";
import { createApi } from "../../api/routes.ts";
import { fakeOperations } from "../../api/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { aStore } from "../../store/testing.ts";
import { pipelineEndpoint } from "./pipeline.ts";

const local = { actor: { via: "socket", name: "root", uid: 0 } } as const;

test("a command that asks on finds the way in again after the controller or the issuer was away", async () => {
  await using issuer = await anIssuer();
  const folder = mkdtempSync("/tmp/kiln-pipeline-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  using opened = aStore();
  const { store, clock } = opened;
  clock.set(Date.now());
  const fake = fakeOperations();
  const access = createAccess({
    ...{ store, clock, log: silentLog, folder, operations: fake.operations },
    createApi: async (parts) => createApi({ ...fake.operations, ...access.operations }, silentLog, parts),
  });
  await using _closed = { [Symbol.asyncDispose]: () => access.close() };
  const { operations } = access;
  const { address } = await operations.listen({ address: "127.0.0.1:0", names: [] }, local);
  const { controllers } = await operations.trustPipelines(
    {
      name: "shop-ci",
      issuer: { kind: "github", url: issuer.url, isPrivate: true },
      claims: { repository_id: ["74"], environment: ["production"] },
      grants: [{ role: "deployer", services: ["shop"], environments: ["production"] }],
    },
    local,
  );
  const env = { ...issuer.job, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "another" };
  const endpoint = pipelineEndpoint(controllers[0] ?? "", env, systemClock);

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
