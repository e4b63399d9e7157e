import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { type ContractEntry, table } from "../api/contract/contract.ts";
import type { SourceActor } from "../domain/access/actor.ts";
import { aStore } from "../store/testing.ts";
import { sourceGuard } from "./source-guard.ts";

const actor: SourceActor = {
  ...{ via: "source", name: "git.example.com/shop@c1", repository: "git.example.com/shop" },
  ...{ ref: "refs/heads/main", commit: "c1", author: "Eve" },
};
const none = { services: async () => [], images: async () => [] };

test("the deploy of a commit may deploy its own service in its environment, and nothing else", async () => {
  using opened = aStore();
  const guard = sourceGuard(opened.store, none, { actor, service: "shop.staging" });
  const caller = guard.admit({} as IncomingMessage, "deploy service");
  expect(await caller.actor()).toBe(actor);
  const ask = (name: keyof typeof table, asked: object) =>
    caller.requireMay(table[name] as ContractEntry, { ...asked });
  await ask("check", { service: "shop.staging" });
  await ask("deploy", { service: "shop.staging" });
  for (const service of ["shop", "shop.production", "bank.staging"])
    await expect(ask("deploy", { service })).rejects.toMatchObject({ code: "forbidden" });
  for (const name of ["removeSource", "setSecret", "remove", "approve", "setPolicy"] as const)
    await expect(ask(name, { service: "shop.staging" })).rejects.toMatchObject({ code: "forbidden" });
  expect([guard.serves("local"), guard.serves("public"), guard.serves("deploy service")]).toEqual([
    false,
    false,
    true,
  ]);
  caller.requireMayExchange("PUT", "/v2/shop/manifests/1.0.0");
  expect(() => caller.requireMayExchange("PUT", "/v2/bank/manifests/1.0.0")).toThrow("deployer");
});

test("it breaks no policy, and names neither files of the machine nor addresses", async () => {
  using opened = aStore();
  const guard = sourceGuard(opened.store, none, { actor, service: "shop" });
  const caller = guard.admit({} as IncomingMessage, "deploy service");
  const asked = (more: object) => caller.requireMay(table.deploy, { service: "shop", ...more });
  await expect(asked({ breakGlass: true })).rejects.toMatchObject({ code: "forbidden" });
  const tls = { certificate: "/etc/ssl/x.pem", key: "/etc/shadow" };
  await expect(asked({ draft: { traffic: { tls } } })).rejects.toMatchObject({ code: "forbidden" });
  const analysis = { http: "http://10.0.0.1/" };
  await expect(asked({ policy: { steps: [{ analysis }] } })).rejects.toMatchObject({ code: "forbidden" });
});
