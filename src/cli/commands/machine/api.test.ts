import { expect, test } from "vitest";
import { anApi, fakeOperations } from "../../../api/testing.ts";
import { cli } from "../../test-kit.ts";

async function anAsker() {
  const { operations, calls } = fakeOperations();
  const api = await anApi(operations);
  const env = { KILN_CONTROLLER: api.socketPath };
  return {
    ...{ calls, ask: (args: readonly string[], stdin = "") => cli(["api", ...args], { env, stdin }) },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

test("an answer is printed as the controller gives it, a stream too", async () => {
  await using asker = await anAsker();
  const overview = await asker.ask(["GET", "/v1/overview?limit=5"]);
  expect([overview.code, JSON.parse(overview.stdout).total]).toEqual([0, 2]);
  expect((await asker.ask(["GET", "/v1/events?after=2"])).stdout).toMatch(/^id: 3\n/);
});

test("what is sent comes from standard input; without it nothing but an empty object", async () => {
  await using asker = await anAsker();
  const sent = await asker.ask(["POST", "/v1/services/shop/rollback", "--input", "-"], '{"reason":"slow"}\n');
  expect(sent.code).toBe(0);
  expect(asker.calls.at(-1)?.slice(0, 2)).toEqual(["rollback", { service: "shop", reason: "slow" }]);
  expect((await asker.ask(["POST", "/v1/services/shop/pause"])).code).toBe(0);
});

test("errors are the controller's, with their exit codes", async () => {
  await using asker = await anAsker();
  expect(await asker.ask(["GET", "/v1/overview?limit=x"])).toMatchObject({ code: 2, stdout: "" });
  expect((await asker.ask(["GET", "/v1/nope"])).code).not.toBe(0);
  expect((await asker.ask(["GET", "v1/services"])).stderr).toMatch(/\[usage\].*begins with \//);
  expect(await asker.ask(["GET", "/v1/events?kind=a é"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("/v1/events?kind=a%20%C3%A9"),
  });
  expect((await asker.ask(["GET", "/v1/services", "--input", "-"])).code).toBe(2);
  expect((await asker.ask(["POST", "/v1/services", "--input", "./missing"])).stderr).toMatch(
    /cannot be read/,
  );
});
