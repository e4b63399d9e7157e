import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dockerRegistry, registryUser } from "../../../image/registry/testing.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Client, ControllerStatus } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const missing = ["docker-registry"].filter((program) => spawnSync("which", [program]).status !== 0);
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

const spec = `service: shop
image: { version: 1.4.0, from: scratch, files: [{ from: ./hello, to: /hello, mode: "0755" }], command: [/hello] }
`;

test.skipIf(missing.length > 0)(
  "what one machine builds and pushes, another one pulls and deploys, by the same digest",
  async () => {
    const folder = mkdtempSync("/tmp/kiln-");
    try {
      await using real = await dockerRegistry(join(folder, "registry"));
      writeFileSync(join(folder, "hello"), "hello\n");
      writeFileSync(join(folder, "kiln.yaml"), spec);
      const here = { cwd: folder, home: join(folder, "here") };
      const there = { cwd: folder, home: join(folder, "there") };
      const built = JSON.parse((await cli(["build", "--json"], here)).stdout);
      const name = `http://${real.host}/team/shop`;
      const pushed = await cli(["image", "push", "shop:1.4.0", name, "--json"], here);
      expect(JSON.parse(pushed.stdout)).toMatchObject({ digest: built.digest });
      const pulled = await cli(["image", "pull", `${name}:1.4.0`, "--json"], there);
      expect(JSON.parse(pulled.stdout)).toMatchObject({
        service: "shop",
        version: "1.4.0",
        digest: built.digest,
      });
      const asked: unknown[] = [];
      const client: Partial<Client> = {
        info: async () =>
          ({ readiness: { usable: true, gaps: [], facts: [] } }) as unknown as ControllerStatus,
        check: async () => ({ commit: undefined }),
        deploy: async ({ draft }) => {
          asked.push([draft.version, draft.image]);
          throw new KilnError("port_taken", "Enough is seen.");
        },
      };
      writeFileSync(join(folder, "hello"), "changed\n"); // a build would make another image
      await cli(["deploy", "--image", "1.4.0"], { ...there, client });
      await cli(["deploy", "--image", built.digest], { ...there, client });
      expect(asked).toEqual([
        ["1.4.0", built.digest],
        ["1.4.0", built.digest],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.skipIf(missing.length > 0)("who has logged in pushes and pulls, until the logout", async () => {
  const folder = mkdtempSync("/tmp/kiln-");
  try {
    await using real = await dockerRegistry(join(folder, "registry"), { login: true });
    writeFileSync(join(folder, "hello"), "hello\n");
    writeFileSync(join(folder, "kiln.yaml"), spec);
    const here = { cwd: folder, home: join(folder, "here"), env: { HOME: folder } };
    const registry = `http://${real.host}`;
    const { name, password } = registryUser;
    const login = (stdin: string) => cli(["registry", "login", registry, "-u", name], { ...here, stdin });
    await cli(["build"], here);
    const push = () => cli(["image", "push", "shop:1.4.0", `${registry}/team/shop`], here);
    expect(await push()).toMatchObject({ code: 1, stderr: expect.stringContaining("kiln registry login") });
    expect(await login("wrong")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("registry_denied"),
    });
    expect(JSON.parse((await cli(["registry", "ls", "--json"], here)).stdout)).toEqual([]);
    const { code, stdout, stderr } = await login(`${password}\n`);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`knows ${name}`)]);
    expect(stdout + stderr).not.toContain(password);
    expect((await push()).code).toBe(0);
    const listed = await cli(["registry", "ls"], here);
    expect(listed.stdout).toMatch(new RegExp(`${real.host} +${name} +${folder}/.docker/config.json`));
    expect((await cli(["registry", "logout", registry], here)).code).toBe(0);
    expect((await push()).code).toBe(1);
    const again = await cli(["registry", "logout", registry], here);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("kiln registry ls") });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  [["registry", "login", "registry.example/team", "-u", "ann"], "expected its host"],
  [["registry", "login", "http://registry.example", "-u", "ann"], "leave out `http://`"],
  [["registry", "login", "registry.example", "-u", "a:b"], "has a colon"],
  [["registry", "login", "registry.example", "-u", "ann"], "The password is empty"],
  [["registry", "login", "registry.example"], "--username"],
  [["image", "push", "shop:1", "shop"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/shop"], "expected a tag or a digest"],
  [["image", "pull", "http://registry.example/shop:1"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/My_Shop:1"], "does not name an image in a registry"],
  [["image", "pull", "registry.example/a.b:1"], "--as SERVICE:VERSION"],
])("%j is wrong usage", async (argv, words) => {
  const { code, stderr } = await cli(argv, { home: "/tmp/kiln-none" });
  expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
});
