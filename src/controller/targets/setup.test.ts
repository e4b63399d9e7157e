import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { aStore } from "../../store/testing.ts";
import { addTargetsOf, listenAs, readSetup } from "./setup.ts";

async function setupOf(text: string) {
  const folder = mkdtempSync("/tmp/kiln-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "setup.yaml");
  writeFileSync(path, text);
  const setup = await readSetup(path);
  if (setup === undefined) throw new Error("a path has a setup");
  return setup;
}

const north = "targets: { north: { platform: docker, options: { socket: /run/d.sock } } }";
const platforms = { requireValid: () => {}, open: () => Promise.reject(new Error("opened later")) };

test("targets that are missing are added once; one that is there keeps its options", async () => {
  using it = aStore();
  const { store } = it;
  const parts = { store, platforms, log: silentLog };
  addTargetsOf(await setupOf(north), parts);
  addTargetsOf(await setupOf(north.replace("/run/d.sock", "/run/other.sock")), parts);
  expect(store.targets().map(({ name, options }) => [name, options])).toEqual([
    ["local", {}],
    ["north", { socket: "/run/d.sock" }],
  ]);
});

test("a controller that listens as the setup says is left alone", async () => {
  using it = aStore();
  const { store } = it;
  const asked: unknown[] = [];
  const operations = {
    listen: async ({ address, names }: { readonly address: string; readonly names: readonly string[] }) => {
      const listener = { address, names: [...names] };
      asked.push(listener.address);
      store.access.listen(listener, "pin", { actor: { via: "socket", name: "setup", uid: 0 } });
      return { address: listener.address, addresses: [], pin: "pin" };
    },
  };
  for (const address of [":7443", ":7443", ":7444"])
    await listenAs(await setupOf(`listen: { address: ":${address.slice(1)}", names: [a] }`), {
      store,
      operations,
    });
  expect(asked).toEqual([":7443", ":7444"]);
});

test("what is wrong in a setup is said with its place", async () => {
  expect(await readSetup(undefined)).toBeUndefined();
  await expect(setupOf("targets: [north]")).rejects.toThrow(/setup\.yaml is not valid: .*targets/);
  await expect(setupOf("listen: { port: 1 }")).rejects.toThrow(/is not valid/);
  await expect(setupOf("a: [")).rejects.toThrow(/cannot be read/);
  await expect(readSetup("/nonexistent/setup.json")).rejects.toThrow(/cannot be read/);
});
