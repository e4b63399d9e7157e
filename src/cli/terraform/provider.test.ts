import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStateFolder } from "../../lib/state-folder.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { Client } from "../api.ts";
import type { Context } from "../context.ts";
import { Output } from "../output/output.ts";
import { environmentWith } from "./provider.ts";
import { serviceResource } from "./service.ts";
import { targetResource } from "./target.ts";

const env = { KILN_CONTROLLER: "/production.sock", KILN_CONTEXT: "production", KILN_HOME: "/home/kiln" };

test("a context in the configuration counts before a controller of the environment, and the other way round", () => {
  expect(environmentWith(env, { context: "staging" })).toEqual({
    ...{ KILN_CONTROLLER: undefined, KILN_CONTEXT: "staging", KILN_HOME: "/home/kiln" },
  });
  expect(environmentWith(env, { controller: "/staging.sock", home: "/srv/kiln" })).toEqual({
    ...{ KILN_CONTROLLER: "/staging.sock", KILN_CONTEXT: undefined, KILN_HOME: "/srv/kiln" },
  });
  expect(environmentWith(env, {})).toEqual(env);
});

test("a configuration with a controller and a context is refused", () => {
  expect(() => environmentWith({}, { controller: "/a.sock", context: "staging" })).toThrow(
    /both say which controller is meant/,
  );
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-test-"));
  const text =
    "service: shop\ntarget: north\nimage: { from: debian:bookworm, command: [serve] }\nservers: { count: 2, port: 80 }\n";
  writeFileSync(join(folder, "kiln.yaml"), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a service can be planned on a target that the same plan makes, and on another one that is missing it cannot", async () => {
  const context = contextWith({
    check: () => Promise.reject(new Error("There is no target north.")),
  });
  const coming = new Set<string>();
  const [service, target] = [serviceResource(context, coming), targetResource(context, coming)];
  await expect(service.foresee({ project: folder }, undefined)).rejects.toThrow("There is no target north.");
  await target.foresee({ name: "north", platform: "docker" }, undefined);
  expect(await service.foresee({ project: folder }, undefined)).toEqual({
    ...{ changes: true, known: { id: "shop", target: "north", servers: 2 } },
  });
});

test("once a target is made, the controller is asked for the plan again", async () => {
  const asked: string[] = [];
  const context = contextWith({
    addTarget: async ({ target }) => void asked.push(target),
    check: () => Promise.reject(new Error("asked")),
  });
  const coming = new Set<string>();
  const target = targetResource(context, coming);
  await target.foresee({ name: "north", platform: "docker" }, undefined);
  await target.make({ name: "north", platform: "docker", options: null }, undefined);
  expect(asked).toEqual(["north"]);
  const service = serviceResource(context, coming);
  await expect(service.foresee({ project: folder }, undefined)).rejects.toThrow("asked");
});

function contextWith(client: Partial<Client>): Context {
  const silent = { write: () => true };
  return {
    ...{ cwd: "/", env: {}, clock: systemClock, signal: new AbortController().signal },
    output: new Output({ json: false, env: {}, stdout: silent, stderr: silent }),
    stdin: () => process.stdin,
    state: openStateFolder({ KILN_HOME: "/nowhere/kiln" }),
    remote: async () => undefined,
    connect: async () => client as Client,
  };
}
